//! The flags that name trusted signers, shared by `verify-ec`, `run` and `trust verify`.

use std::path::PathBuf;

use crate::trust::{Loaded, Patterns, RootSource, Start, TrustRequest};

/// The name of the root that is compiled in.
const PUBLIC_GOOD: &str = "public-good";

/// The flags that name accepted signers, and the proofs of signing time.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Trust options")]
pub(crate) struct TrustFlags {
    /// Verify signatures with this key: a file, PEM text, k8s://[NAMESPACE/]SECRET, env://VARIABLE or https://URL
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) public_key: Vec<String>,
    /// Require a certificate with this identity
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) certificate_identity: Vec<String>,
    /// Require a certificate with an identity that matches this regular expression as a whole
    #[arg(long, value_name = "REGEX")]
    pub(crate) certificate_identity_regexp: Vec<String>,
    /// Require this OIDC issuer in the certificate
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "certificate_oidc_issuer_regexp"
    )]
    pub(crate) certificate_oidc_issuer: Option<String>,
    /// Require an OIDC issuer that matches this regular expression as a whole
    #[arg(long, value_name = "REGEX")]
    pub(crate) certificate_oidc_issuer_regexp: Option<String>,
    /// Look up log entries in this Rekor log if they are not stored with the signature
    #[arg(long, value_name = "URL")]
    pub(crate) rekor_url: Option<String>,
    /// Do not require a transparency log entry; with certificates a timestamp authority must prove the time
    #[arg(long)]
    pub(crate) ignore_rekor: bool,
    /// Accept certificates without a proof that a certificate transparency log has them (SCT)
    #[arg(long)]
    pub(crate) insecure_ignore_sct: bool,
    #[command(flatten)]
    pub(crate) root: RootFlags,
}

/// The flags that name the trusted root.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct RootFlags {
    /// Read the Sigstore trusted root from this file; public-good is the one built into this program
    #[arg(long, value_name = "FILE", conflicts_with = "tuf_mirror")]
    pub(crate) trusted_root: Option<String>,
    /// Fetch the Sigstore trusted root from this TUF repository
    #[arg(long, value_name = "URL")]
    pub(crate) tuf_mirror: Option<String>,
    /// The initial root.json of the TUF repository
    #[arg(long, value_name = "FILE|URL", requires = "tuf_mirror")]
    pub(crate) tuf_root: Option<String>,
    /// The SHA-256 that root.json must have
    #[arg(long, value_name = "HEX", requires = "tuf_root")]
    pub(crate) tuf_root_checksum: Option<String>,
    /// Selects Sigstore's staging instance; not a flag of every command.
    #[arg(skip)]
    pub(crate) staging: bool,
}

impl TrustFlags {
    /// Tells whether no flag is given.
    pub(crate) fn is_empty(&self) -> bool {
        let lists = [
            &self.public_key,
            &self.certificate_identity,
            &self.certificate_identity_regexp,
        ];
        lists.iter().all(|list| list.is_empty())
            && self.certificate_oidc_issuer.is_none()
            && self.certificate_oidc_issuer_regexp.is_none()
            && self.rekor_url.is_none()
            && !self.ignore_rekor
            && !self.insecure_ignore_sct
            && self.root.trusted_root.is_none()
            && self.root.tuf_mirror.is_none()
    }
}

impl RootFlags {
    /// Returns the source of the trusted root.
    fn choice(&self) -> RootSource {
        match (&self.trusted_root, &self.tuf_mirror) {
            (Some(name), _) if name == PUBLIC_GOOD => RootSource::PublicGood,
            (Some(path), _) => RootSource::File(PathBuf::from(path)),
            (None, Some(mirror)) => RootSource::Tuf(Start {
                mirror: mirror.clone(),
                root: self.tuf_root.clone(),
                checksum: self.tuf_root_checksum.clone(),
            }),
            (None, None) if self.staging => RootSource::Staging,
            (None, None) => RootSource::Default,
        }
    }
}

impl From<TrustFlags> for TrustRequest {
    fn from(flags: TrustFlags) -> Self {
        Self {
            public_key: flags.public_key,
            certificate_identity: flags.certificate_identity,
            certificate_identity_regexp: flags.certificate_identity_regexp,
            certificate_oidc_issuer: flags.certificate_oidc_issuer,
            certificate_oidc_issuer_regexp: flags.certificate_oidc_issuer_regexp,
            rekor_url: flags.rekor_url,
            ignore_rekor: flags.ignore_rekor,
            insecure_ignore_sct: flags.insecure_ignore_sct,
            root: flags.root.choice(),
            refuse_unreachable: false,
            patterns: Patterns::Whole,
            loaded: Loaded::default(),
        }
    }
}
