//! The trust file: the verifiers whose promotions are accepted, by environment.

use std::time::Duration;

use serde::Deserialize;

use super::Error;
use crate::{json, text};

/// The content of a trust file: verifiers and their environments.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TrustFile {
    pub(crate) verifiers: Vec<TrustedVerifier>,
    /// The Sigstore trusted root, a file or `public-good`; only for identities and logged keys.
    #[serde(default)]
    pub(crate) trusted_root: Option<String>,
}

/// A verifier, with the key or identity of its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TrustedVerifier {
    /// The URI of the verifier in its statements.
    pub(crate) id: String,
    /// Its key: a file, a PEM text, `k8s://…` or `https://…`.
    #[serde(default)]
    pub(crate) public_key: Option<String>,
    #[serde(default)]
    pub(crate) identity: Option<String>,
    /// The OIDC issuer of its certificate.
    #[serde(default)]
    pub(crate) issuer: Option<String>,
    /// The environments for which its promotions are accepted.
    pub(crate) environments: Vec<String>,
    /// The maximum age of a promotion, such as `720h`.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) max_age: Option<Duration>,
    /// Set if the signature must be in a transparency log; by default true for an identity and false for a key.
    #[serde(default)]
    pub(crate) transparency_log: Option<bool>,
}

impl TrustFile {
    /// Parses a trust file, as YAML or JSON.
    ///
    /// # Errors
    /// [`Error::Document`] for a file without verifiers, or a verifier without a key or identity.
    pub(crate) fn parse(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Document {
            what: format!("the trust file {origin}"),
            reason,
        };
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let document = json::json_or_yaml(text).map_err(|error| wrong(error.to_string()))?;
        let found: Self = json::decode(&document).map_err(|error| wrong(error.to_string()))?;
        if found.verifiers.is_empty() {
            return Err(wrong("it lists no verifiers".to_owned()));
        }
        for verifier in &found.verifiers {
            let id = &verifier.id;
            if verifier.id.is_empty() || verifier.environments.is_empty() {
                return Err(wrong(format!(
                    "the verifier {id:?} needs an id and a list of environments"
                )));
            }
            let by_identity = (&verifier.identity, &verifier.issuer);
            match (&verifier.public_key, by_identity) {
                (Some(_), (None, None)) | (None, (Some(_), Some(_))) => {}
                _ => {
                    return Err(wrong(format!(
                        "the verifier {id:?} needs either publicKey, or identity and issuer"
                    )));
                }
            }
        }
        Ok(found)
    }
}

fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    let wrong = || serde::de::Error::custom("expected a duration with its unit, such as 720h");
    text::duration(&text).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TrustFile, Error> {
        TrustFile::parse(text.as_bytes(), "trust.yaml")
    }

    #[test]
    fn reads_keys_and_identities() {
        let found = parse(
            "verifiers:\n- id: https://acme.example/promote\n  publicKey: cosign.pub\n  environments: [prod]\n  maxAge: 24h\n",
        );
        let found = found.unwrap();
        assert_eq!(
            found.verifiers[0].max_age,
            Some(Duration::from_secs(86_400))
        );
        let keyless = "verifiers:\n- {id: a, identity: b, issuer: c, environments: [prod]}\n";
        assert!(parse(keyless).is_ok());
    }

    #[test]
    fn refuses_trust_in_every_signer_or_in_none() {
        for text in [
            "verifiers: []",
            "{}",
            "verifiers:\n- {id: a, environments: [prod]}",
            "verifiers:\n- {id: a, publicKey: k, environments: []}",
            "verifiers:\n- {id: a, identity: b, environments: [prod]}",
            "verifiers:\n- {id: a, publicKey: k, identity: b, issuer: c, environments: [prod]}",
            "verifiers:\n- {id: a, publicKey: k, environments: [prod], maxAge: soon}",
            "verifiers:\n- {id: a, publicKey: k, environment: [prod], environments: [prod]}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
