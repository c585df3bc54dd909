//! The typed request for verification: the accepted signers, and the proof of signing time.

use super::{
    Error, ExpectedIdentity, ImageVerifier, Loaded, LogPolicy, Matcher, Rekor, RootSource,
    TrustedKey, TrustedSigners, VerifierOptions,
};
use crate::{env::Env, http::Http, image::Repository};

/// cosign's variable for a separate repository of signatures.
const REPOSITORY: &str = "COSIGN_REPOSITORY";

/// The accepted signers, the trusted root, and the checks to skip.
#[derive(Debug, Clone)]
pub(crate) struct TrustRequest {
    /// Keys: a file, a PEM text, `k8s://[NAMESPACE/]SECRET`, `env://VARIABLE` or `https://…`.
    pub(crate) public_key: Vec<String>,
    pub(crate) certificate_identity: Vec<String>,
    pub(crate) certificate_identity_regexp: Vec<String>,
    /// The exact OIDC issuer.
    pub(crate) certificate_oidc_issuer: Option<String>,
    /// A regular expression for the OIDC issuer.
    pub(crate) certificate_oidc_issuer_regexp: Option<String>,
    /// The URL of a Rekor log for the lookup of entries that are not stored with the signature.
    pub(crate) rekor_url: Option<String>,
    /// Accept signatures without a transparency log entry; only with a key.
    pub(crate) ignore_rekor: bool,
    /// Refuse signatures whose log cannot be read, instead of ending the run.
    pub(crate) refuse_unreachable: bool,
    /// Accept certificates without a timestamp of a certificate log.
    pub(crate) insecure_ignore_sct: bool,
    /// The source of the trusted root.
    pub(crate) root: RootSource,
    /// How expressions for signers and issuers match.
    pub(crate) patterns: Patterns,
    /// The cache of keys and the trusted root.
    pub(crate) loaded: Loaded,
}

/// The part of the text that an expression must match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Patterns {
    #[default]
    Whole,
    /// A part of the text is enough, as for cosign and Conforma's `ec`.
    Part,
}

impl Patterns {
    fn matcher(self, text: &str) -> Result<Matcher, Error> {
        match self {
            Self::Whole => Matcher::pattern(text),
            Self::Part => Matcher::part(text),
        }
    }
}

impl TrustRequest {
    /// Returns the request of a run without its own verification of signatures.
    pub(crate) fn of_nobody() -> Self {
        Self {
            public_key: Vec::new(),
            certificate_identity: Vec::new(),
            certificate_identity_regexp: Vec::new(),
            certificate_oidc_issuer: None,
            certificate_oidc_issuer_regexp: None,
            rekor_url: None,
            ignore_rekor: false,
            refuse_unreachable: false,
            insecure_ignore_sct: false,
            root: RootSource::Default,
            patterns: Patterns::Part,
            loaded: Loaded::default(),
        }
    }

    /// Makes the verifier: reads keys and patterns, loads the trusted root.
    ///
    /// # Errors
    /// [`Error::NoSigner`] or [`Error::Contradiction`] for a request without a signer or with options
    /// that exclude each other, else the errors of keys and roots.
    pub(crate) async fn verifier(&self, env: &Env, http: &Http) -> Result<ImageVerifier, Error> {
        let who = self.who(env, http).await?;
        let root = match &self.root {
            // A named file is read although no signature needs it: it may be the wrong one.
            RootSource::File(_) => Some(self.loaded.root(&self.root, env, http).await?),
            root if who.needs_root() => Some(self.loaded.root(root, env, http).await?),
            _ => None,
        };
        match &who {
            TrustedSigners::Stamped(_)
                if root
                    .as_ref()
                    .is_none_or(|root| root.timestamp_authorities().is_empty()) =>
            {
                return Err(Error::Contradiction {
                    reason: "--ignore-rekor with --certificate-identity needs a trusted root with a timestamp authority, which proves the time of the signature".to_owned(),
                });
            }
            TrustedSigners::Stamped(_) => tracing::warn!(
                "the transparency log is ignored: a timestamp authority proves when a certificate was used"
            ),
            who if !who.needs_log() => {
                tracing::warn!("the transparency log is ignored: the key alone decides");
            }
            _ => {}
        }
        let rekor = self.rekor_url.as_deref();
        let rekor = rekor.map(|url| Rekor::new(http.clone(), url)).transpose()?;
        let repository = env.of_sigstore(REPOSITORY).map(str::parse::<Repository>);
        let repository = repository
            .transpose()
            .map_err(|error| Error::Contradiction {
                reason: format!("{REPOSITORY}: {error}"),
            })?;
        Ok(ImageVerifier::new(VerifierOptions {
            who,
            root,
            rekor,
            refuse_unreachable: self.refuse_unreachable,
            skip_certificate_log: self.insecure_ignore_sct,
            repository,
        }))
    }

    /// Loads the first key, if the request names one.
    ///
    /// # Errors
    /// Returns an error if the key cannot be loaded or used.
    pub(crate) async fn first_key(
        &self,
        env: &Env,
        http: &Http,
    ) -> Result<Option<TrustedKey>, Error> {
        match self.public_key.first() {
            Some(reference) => self.loaded.key(reference, env, http).await.map(Some),
            None => Ok(None),
        }
    }

    /// Tells whether the request names a subject or an issuer.
    pub(crate) fn names_identity(&self) -> bool {
        self.names_subject() || self.names_issuer()
    }

    /// Tells whether the request names a subject of certificates.
    pub(crate) fn names_subject(&self) -> bool {
        !self.certificate_identity.is_empty() || !self.certificate_identity_regexp.is_empty()
    }

    /// Tells whether the request names an OIDC issuer.
    pub(crate) fn names_issuer(&self) -> bool {
        self.certificate_oidc_issuer.is_some() || self.certificate_oidc_issuer_regexp.is_some()
    }

    async fn who(&self, env: &Env, http: &Http) -> Result<TrustedSigners, Error> {
        let contradiction = |reason: &str| {
            Err(Error::Contradiction {
                reason: reason.to_owned(),
            })
        };
        let identities = self.identities()?;
        if self.public_key.is_empty() && identities.is_empty() {
            return Err(Error::NoSigner);
        }
        if !identities.is_empty() {
            if !self.public_key.is_empty() {
                return contradiction("--public-key and --certificate-identity exclude each other");
            }
            return Ok(match self.ignore_rekor {
                true => TrustedSigners::Stamped(identities),
                false => TrustedSigners::Identities(identities),
            });
        }
        let mut keys = Vec::new();
        for reference in &self.public_key {
            keys.push(self.loaded.key(reference, env, http).await?);
        }
        let log = if self.ignore_rekor {
            LogPolicy::Ignored
        } else {
            LogPolicy::Required
        };
        Ok(TrustedSigners::Keys { keys, log })
    }

    fn identities(&self) -> Result<Vec<ExpectedIdentity>, Error> {
        let exact = self.certificate_identity.iter();
        let patterns = self.certificate_identity_regexp.iter();
        let subjects = exact
            .map(|text| Matcher::exact(text))
            .chain(patterns.map(|text| self.patterns.matcher(text)));
        let subjects = subjects.collect::<Result<Vec<_>, _>>()?;
        let issuer = match (
            &self.certificate_oidc_issuer,
            &self.certificate_oidc_issuer_regexp,
        ) {
            (Some(text), _) => Some(Matcher::exact(text)),
            (None, Some(text)) => Some(self.patterns.matcher(text)),
            (None, None) => None,
        };
        match (subjects.is_empty(), issuer.transpose()?) {
            (true, None) => Ok(Vec::new()),
            (false, Some(issuer)) => Ok(subjects
                .into_iter()
                .map(|subject| ExpectedIdentity {
                    subject,
                    issuer: issuer.clone(),
                })
                .collect()),
            _ => Err(Error::Contradiction {
                reason: "a signer needs both --certificate-identity and --certificate-oidc-issuer (or their -regexp forms)"
                    .to_owned(),
            }),
        }
    }
}
