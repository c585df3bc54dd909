//! Accepts an image for an environment by a promotion statement of a trusted verifier.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{Error, PROMOTION, TrustFile, trust_file::TrustedVerifier};
use crate::{
    env::Env,
    http::Http,
    image::{DigestReference, Tag},
    registry::Registry,
    trust::{self, ImageVerifier, Loaded, Patterns, RootSource, TrustRequest},
};

/// The promotion that an image must have.
#[derive(Debug)]
pub(crate) struct Requirement {
    verifiers: Vec<(TrustedVerifier, ImageVerifier)>,
    /// The minimum age of the promotion.
    pub(crate) min_age: Option<Duration>,
    /// The time from which ages are computed.
    pub(crate) now: Timestamp,
}

/// An accepted promotion, with its verifier and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promotion {
    pub(crate) verifier: String,
    pub(crate) at: Timestamp,
}

impl Requirement {
    /// Loads keys and roots of the trust file.
    ///
    /// # Errors
    /// [`Error::Trust`].
    pub(crate) async fn new(
        file: TrustFile,
        min_age: Option<Duration>,
        now: Timestamp,
        env: &Env,
        http: &Http,
    ) -> Result<Self, Error> {
        let loaded = Loaded::default();
        let root = match file.trusted_root.as_deref() {
            Some("public-good") => RootSource::PublicGood,
            Some(path) => RootSource::File(PathBuf::from(path)),
            None => RootSource::Default,
        };
        let mut verifiers = Vec::new();
        for trusted in file.verifiers {
            let by_key = trusted.public_key.is_some();
            let request = TrustRequest {
                public_key: trusted.public_key.iter().cloned().collect(),
                certificate_identity: trusted.identity.iter().cloned().collect(),
                certificate_identity_regexp: Vec::new(),
                certificate_oidc_issuer: trusted.issuer.clone(),
                certificate_oidc_issuer_regexp: None,
                rekor_url: None,
                ignore_rekor: !trusted.transparency_log.unwrap_or(!by_key),
                insecure_ignore_sct: false,
                refuse_unreachable: false,
                root: root.clone(),
                patterns: Patterns::Whole,
                loaded: loaded.clone(),
            };
            let verifier = request.verifier(env, http).await?;
            verifiers.push((trusted, verifier));
        }
        Ok(Self {
            verifiers,
            min_age,
            now,
        })
    }

    /// Returns the accepted promotion of an image to an environment; a tag must be one that the promotion set.
    ///
    /// # Errors
    /// [`Error::NotPromoted`] with the reason for each refused candidate; a failed registry is another error.
    pub(crate) async fn promotion(
        &self,
        registry: &Registry,
        image: &DigestReference,
        tag: Option<&Tag>,
        environment: &str,
    ) -> Result<Promotion, Error> {
        let mut reasons = Vec::new();
        for (trusted, verifier) in &self.verifiers {
            if !trusted.environments.iter().any(|name| name == environment) {
                continue;
            }
            let examined = match verifier.examine(registry, image).await {
                Ok(examined) => examined,
                Err(trust::Error::ImageNotFound { .. }) => {
                    return Err(Error::Missing {
                        what: image.to_string(),
                    });
                }
                Err(error) => return Err(error.into()),
            };
            let attestations = examined.attestations.iter().flatten();
            let mut found = false;
            for attestation in attestations {
                if attestation.statement.predicate_type() != PROMOTION {
                    continue;
                }
                found = true;
                let predicate = &attestation.statement.document()["predicate"];
                match self.accepts(trusted, predicate, image, tag, environment) {
                    Ok(promotion) => return Ok(promotion),
                    Err(reason) => reasons.push(reason),
                }
            }
            if !found {
                reasons.push(format!("no promotion signed by {} is attached", trusted.id));
            }
        }
        if reasons.is_empty() {
            reasons.push(format!("the trust file has no verifier for {environment}"));
        }
        reasons.dedup();
        Err(Error::NotPromoted {
            image: image.to_string(),
            environment: environment.to_owned(),
            reason: reasons.join("; "),
        })
    }

    fn accepts(
        &self,
        trusted: &TrustedVerifier,
        predicate: &Value,
        image: &DigestReference,
        tag: Option<&Tag>,
        environment: &str,
    ) -> Result<Promotion, String> {
        let text = |pointer: &str| predicate.pointer(pointer).and_then(Value::as_str);
        let same = |what: &str, pointer: &str, expected: &str| match text(pointer) {
            Some(found) if found == expected => Ok(()),
            found => {
                let found = found.unwrap_or("nothing");
                Err(format!("its {what} is {found}, expected {expected}"))
            }
        };
        same("verifier", "/verifier/id", &trusted.id)?;
        same("environment", "/environment", environment)?;
        same("destination", "/destination", &image.repository.to_string())?;
        if let Some(tag) = tag {
            let tags = predicate.get("tags").and_then(Value::as_array);
            let mut tags = tags.into_iter().flatten();
            if !tags.any(|found| found.as_str() == Some(tag.as_str())) {
                return Err(format!("it does not list the tag {tag}"));
            }
        }
        let time = |pointer: &str| text(pointer).and_then(|at| at.parse::<Timestamp>().ok());
        let at = time("/promotedAt").ok_or("its promotedAt is missing or not a time")?;
        if predicate
            .get("expires")
            .is_some_and(|expires| !expires.is_null())
        {
            let expires = time("/expires").ok_or("its expires is not a time")?;
            if expires <= self.now {
                return Err(format!("it expired at {expires}"));
            }
        }
        let age = self.now.duration_since(at);
        // Clocks differ by seconds; a promotion further in the future is refused.
        if age.as_secs() < -300 {
            return Err(format!("it was promoted at {at}, which is in the future"));
        }
        let age = Duration::try_from(age).unwrap_or_default();
        if let Some(most) = trusted.max_age.filter(|most| age > *most) {
            return Err(format!("it is older than {most:?}"));
        }
        if let Some(least) = self.min_age.filter(|least| age < *least) {
            return Err(format!("it is {age:?} old, expected at least {least:?}"));
        }
        Ok(Promotion {
            verifier: trusted.id.clone(),
            at,
        })
    }
}
