//! The params that the verifying Tasks share: the accepted signers, the addresses of log and trust root, and
//! the retries.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};

/// The entries of a Secret such as `tas-secret`.
const REKOR: &str = "rekor_url";
const TUF: &str = "tuf_url";
/// The value by which the pipelines of the ecosystem leave an address out.
pub(super) const NONE: &str = "none";

/// The addresses of a Sigstore instance.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Addresses {
    /// The URL of the Rekor log, or none
    #[arg(long, value_name = "URL")]
    pub(super) rekor_host: Option<String>,
    /// Fetch the Sigstore trusted root from this TUF repository
    #[arg(long, value_name = "URL")]
    pub(super) tuf_mirror: Option<String>,
    /// A directory (a mounted Secret) with the files rekor_url and tuf_url; --rekor-host and --tuf-mirror override them
    #[arg(long, value_name = "DIR")]
    pub(super) sigstore_dir: Option<PathBuf>,
}

impl Addresses {
    /// Returns the URL of the log: the param, else the mounted file.
    pub(super) fn rekor(&self) -> Result<Option<String>, Failure> {
        self.of(&self.rekor_host, REKOR)
    }

    /// Returns the URL of the TUF repository: the param, else the mounted file.
    pub(super) fn tuf(&self) -> Result<Option<String>, Failure> {
        let found = self.of(&self.tuf_mirror, TUF)?;
        Ok(found.filter(|url| url != NONE))
    }

    fn of(&self, given: &Option<String>, entry: &str) -> Result<Option<String>, Failure> {
        match (given, &self.sigstore_dir) {
            (Some(given), _) => Ok(Some(given.clone())),
            (None, Some(dir)) => read(&dir.join(entry)),
            (None, None) => Ok(None),
        }
    }
}

/// Returns the content of a mounted file without blanks around it; `None` when it is absent or empty.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let text = path.display().to_string();
            Err(Failure::new(Kind::Usage, error).context(text))
        }
    }
}

/// The signers whose signatures are accepted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Signers {
    /// The public key; ignored if a certificate identity or issuer is given
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(super) public_key: Option<String>,
    /// Require a certificate with this identity; overrides --certificate-identity-regexp
    #[arg(long, value_name = "SUBJECT")]
    pub(super) certificate_identity: Option<String>,
    /// Require a certificate with an identity that matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub(super) certificate_identity_regexp: Option<String>,
    /// Require this OIDC issuer in the certificate; overrides --certificate-oidc-issuer-regexp
    #[arg(long, value_name = "URL")]
    pub(super) certificate_oidc_issuer: Option<String>,
    /// Require an OIDC issuer that matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub(super) certificate_oidc_issuer_regexp: Option<String>,
    /// Do not require a transparency log entry; ignored for certificates
    #[arg(long)]
    pub(super) ignore_rekor: bool,
}

impl Signers {
    /// Returns the flags of `ec validate image`: for a certificate if an identity or issuer is given, else for the key.
    pub(super) fn flags(&self) -> Vec<String> {
        let first =
            |exact: &Option<String>, pattern: &Option<String>, flag: &str| match (exact, pattern) {
                (Some(text), _) => Some(format!("--{flag}={text}")),
                (None, Some(text)) => Some(format!("--{flag}-regexp={text}")),
                (None, None) => None,
            };
        let certificate: Vec<_> = [
            first(
                &self.certificate_identity,
                &self.certificate_identity_regexp,
                "certificate-identity",
            ),
            first(
                &self.certificate_oidc_issuer,
                &self.certificate_oidc_issuer_regexp,
                "certificate-oidc-issuer",
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !certificate.is_empty() {
            return certificate;
        }
        let key = self.public_key.iter();
        let mut flags: Vec<_> = key.map(|key| format!("--public-key={key}")).collect();
        flags.push(format!("--ignore-rekor={}", self.ignore_rekor));
        flags
    }
}

/// The retries of failed requests, as `ec` takes them.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct RetryFlags {
    /// The pause before a failed request is repeated for the first time
    #[arg(long, value_name = "DURATION")]
    retry_duration: Option<String>,
    /// The factor by which each further pause is longer
    #[arg(long, value_name = "NUMBER")]
    retry_factor: Option<String>,
    /// The random part of each pause, 0 to 1
    #[arg(long, value_name = "NUMBER")]
    retry_jitter: Option<String>,
    /// How many times to repeat a failed request
    #[arg(long, value_name = "N")]
    retry_max_retry: Option<String>,
    /// The longest pause before a failed request is repeated
    #[arg(long, value_name = "DURATION")]
    retry_max_wait: Option<String>,
}

impl RetryFlags {
    /// Returns the retry flags of `ec`.
    pub(super) fn flags(&self) -> Vec<String> {
        let flags = [
            ("retry-duration", &self.retry_duration),
            ("retry-factor", &self.retry_factor),
            ("retry-jitter", &self.retry_jitter),
            ("retry-max-retry", &self.retry_max_retry),
            ("retry-max-wait", &self.retry_max_wait),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        given
            .map(|(flag, value)| format!("--{flag}={value}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_shuts_the_key_out() {
        let mut signers = Signers {
            public_key: Some("k.pub".to_owned()),
            ignore_rekor: true,
            ..Signers::default()
        };
        assert_eq!(
            signers.flags(),
            ["--public-key=k.pub", "--ignore-rekor=true"]
        );
        signers.certificate_identity_regexp = Some("a.*".to_owned());
        signers.certificate_oidc_issuer = Some("https://i".to_owned());
        let expected = [
            "--certificate-identity-regexp=a.*",
            "--certificate-oidc-issuer=https://i",
        ];
        assert_eq!(signers.flags(), expected);
        signers.certificate_identity = Some("a".to_owned());
        assert_eq!(signers.flags()[0], "--certificate-identity=a");
    }

    #[test]
    fn addresses_come_from_params_then_from_mounted_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut addresses = Addresses {
            sigstore_dir: Some(dir.path().to_owned()),
            ..Addresses::default()
        };
        assert_eq!(addresses.rekor().unwrap(), None);
        std::fs::write(dir.path().join(REKOR), "http://rekor.example\n").unwrap();
        std::fs::write(dir.path().join(TUF), "none").unwrap();
        assert_eq!(
            addresses.rekor().unwrap().as_deref(),
            Some("http://rekor.example")
        );
        assert_eq!(addresses.tuf().unwrap(), None);
        addresses.tuf_mirror = Some("http://tuf.example".to_owned());
        assert_eq!(
            addresses.tuf().unwrap().as_deref(),
            Some("http://tuf.example")
        );
    }
}
