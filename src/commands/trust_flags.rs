//! The flags that say whose signatures count, shared by `verify-ec`, `run` and `trust verify`.

use std::path::PathBuf;

use super::{Context, failures::trust_failure};
use crate::{
    failure::{Failure, Kind},
    trust::{Choice, Identity, Key, LogPolicy, Matcher, Options, Rekor, Start, Verifier, Who},
};

/// The built-in root's name.
const PUBLIC_GOOD: &str = "public-good";

/// Whose signatures count, and what proves when they were made.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Trust options")]
pub(crate) struct TrustFlags {
    /// Verify with this key: a file, a PEM text, k8s://[NAMESPACE/]SECRET, env://VARIABLE or https://…
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) public_key: Vec<String>,
    /// Expect a certificate for this signer
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) certificate_identity: Vec<String>,
    /// Expect a certificate for a signer who matches from the first to the last character
    #[arg(long, value_name = "REGEX")]
    pub(crate) certificate_identity_regexp: Vec<String>,
    /// Expect a certificate for a signer whom this OIDC issuer vouches for
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "certificate_oidc_issuer_regexp"
    )]
    pub(crate) certificate_oidc_issuer: Option<String>,
    /// Expect an OIDC issuer that matches from the first to the last character
    #[arg(long, value_name = "REGEX")]
    pub(crate) certificate_oidc_issuer_regexp: Option<String>,
    /// Ask this Rekor log for entries that are not stored with the signature
    #[arg(long, value_name = "URL")]
    pub(crate) rekor_url: Option<String>,
    /// Do not demand a transparency log entry; only with a key
    #[arg(long)]
    pub(crate) ignore_rekor: bool,
    /// Accept certificates that no certificate log has
    #[arg(long)]
    pub(crate) insecure_ignore_sct: bool,
    #[command(flatten)]
    pub(crate) root: RootFlags,
}

/// Where the trusted root comes from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct RootFlags {
    /// Take the Sigstore trusted root from this file; public-good is the one in this program
    #[arg(long, value_name = "FILE", conflicts_with = "tuf_mirror")]
    pub(crate) trusted_root: Option<String>,
    /// Fetch the Sigstore trusted root from this TUF repository
    #[arg(long, value_name = "URL")]
    pub(crate) tuf_mirror: Option<String>,
    /// Start the trust in the TUF repository from this root.json
    #[arg(long, value_name = "FILE|URL", requires = "tuf_mirror")]
    pub(crate) tuf_root: Option<String>,
    /// Demand that the root.json has this SHA-256
    #[arg(long, value_name = "HEX", requires = "tuf_root")]
    pub(crate) tuf_root_checksum: Option<String>,
    /// Sigstore's staging instance; not a flag of every command.
    #[arg(skip)]
    pub(crate) staging: bool,
}

impl RootFlags {
    /// What the flags choose.
    pub(crate) fn choice(&self) -> Choice {
        match (&self.trusted_root, &self.tuf_mirror) {
            (Some(name), _) if name == PUBLIC_GOOD => Choice::PublicGood,
            (Some(path), _) => Choice::File(PathBuf::from(path)),
            (None, Some(mirror)) => Choice::Tuf(Start {
                mirror: mirror.clone(),
                root: self.tuf_root.clone(),
                checksum: self.tuf_root_checksum.clone(),
            }),
            (None, None) if self.staging => Choice::Staging,
            (None, None) => Choice::Default,
        }
    }
}

impl TrustFlags {
    /// Makes the verifier of the run: reads keys and patterns, loads the trusted root.
    ///
    /// # Errors
    /// [`Kind::Usage`] when the flags contradict each other or say nothing; see [`trust_failure`].
    pub(crate) async fn verifier(&self, context: &Context) -> Result<Verifier, Failure> {
        let who = self.who(context).await?;
        let root = if who.needs_log() {
            let choice = self.root.choice();
            let loaded = choice.load(&context.env, &context.http).await;
            let root = loaded.map_err(trust_failure)?;
            tracing::info!(origin = root.origin(), "trusted root loaded");
            Some(root)
        } else {
            tracing::warn!("the transparency log is ignored: the key alone decides");
            None
        };
        let rekor = self.rekor_url.as_deref();
        let rekor = rekor.map(|url| Rekor::new(context.http.clone(), url));
        let repository = context.env.get("COSIGN_REPOSITORY").map(str::parse);
        Ok(Verifier::new(Options {
            who,
            root,
            rekor: rekor.transpose().map_err(trust_failure)?,
            skip_certificate_log: self.insecure_ignore_sct,
            repository: repository
                .transpose()
                .map_err(|error| Failure::new(Kind::Usage, error).context("COSIGN_REPOSITORY"))?,
        }))
    }

    async fn who(&self, context: &Context) -> Result<Who, Failure> {
        let usage = |message: &str| Err(Failure::message(Kind::Usage, message));
        let identities = self.identities()?;
        if self.public_key.is_empty() && identities.is_empty() {
            return Err(Failure::message(Kind::Usage, "nobody is named whose signature counts").hint(
                "name a key with --public-key, or a signer with --certificate-identity and --certificate-oidc-issuer",
            ));
        }
        if !identities.is_empty() {
            if !self.public_key.is_empty() {
                return usage("--public-key and --certificate-identity exclude each other");
            }
            if self.ignore_rekor {
                return usage(
                    "--ignore-rekor needs --public-key: without the log nothing proves when a certificate was used",
                );
            }
            return Ok(Who::Identities(identities));
        }
        let mut keys = Vec::new();
        for reference in &self.public_key {
            keys.push(load_key(reference, context).await?);
        }
        let log = if self.ignore_rekor {
            LogPolicy::Ignored
        } else {
            LogPolicy::Required
        };
        Ok(Who::Keys { keys, log })
    }

    fn identities(&self) -> Result<Vec<Identity>, Failure> {
        let exact = self
            .certificate_identity
            .iter()
            .map(|text| Matcher::exact(text));
        let patterns = self
            .certificate_identity_regexp
            .iter()
            .map(|text| Matcher::pattern(text));
        let subjects: Result<Vec<_>, _> = exact.chain(patterns).collect();
        let subjects = subjects.map_err(trust_failure)?;
        let issuer = match (
            &self.certificate_oidc_issuer,
            &self.certificate_oidc_issuer_regexp,
        ) {
            (Some(text), _) => Some(Matcher::exact(text)),
            (None, Some(text)) => Some(Matcher::pattern(text)),
            (None, None) => None,
        };
        match (
            subjects.is_empty(),
            issuer.transpose().map_err(trust_failure)?,
        ) {
            (true, None) => Ok(Vec::new()),
            (false, Some(issuer)) => Ok(subjects
                .into_iter()
                .map(|subject| Identity {
                    subject,
                    issuer: issuer.clone(),
                })
                .collect()),
            _ => Err(Failure::message(
                Kind::Usage,
                "a signer needs both --certificate-identity and --certificate-oidc-issuer (or their -regexp forms)",
            )),
        }
    }
}

/// Loads the key that a flag names.
///
/// # Errors
/// When it cannot be had or used.
pub(crate) async fn load_key(reference: &str, context: &Context) -> Result<Key, Failure> {
    let key = Key::load(reference, &context.env, &context.http).await;
    key.map_err(trust_failure)
}
