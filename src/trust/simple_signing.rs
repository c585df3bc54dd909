//! Checks the claims of a simple-signing payload (cosign, "Signature Specification").
//!
//! `docker-reference` is not compared, because a copied image keeps its old one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::error::Reason;
use crate::{image::Digest, json};

/// The media type of the payload.
pub(super) const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const TYPE: &str = "cosign container image signature";

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
    #[serde(default)]
    optional: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Critical {
    image: ClaimedImage,
    #[serde(default)]
    identity: Option<DockerIdentity>,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct DockerIdentity {
    #[serde(rename = "docker-reference", default)]
    reference: Option<String>,
}

/// The claims of a signed payload besides the digest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) annotations: BTreeMap<String, String>,
    /// The reference in `critical.identity.docker-reference`.
    pub(super) reference: Option<String>,
}

#[derive(Deserialize)]
struct ClaimedImage {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// Checks that a signed payload is an image signature for this digest; returns its other claims.
pub(super) fn check(payload: &[u8], digest: &Digest) -> Result<Claims, Reason> {
    let payload: Payload =
        json::read(payload, &json::PAYLOAD).map_err(|error| Reason::Malformed {
            what: "payload",
            reason: error.to_string(),
        })?;
    if payload.critical.kind != TYPE {
        return Err(Reason::ClaimType {
            found: payload.critical.kind,
        });
    }
    if payload.critical.image.digest != digest.to_string() {
        return Err(Reason::ClaimDigest {
            found: payload.critical.image.digest,
        });
    }
    let annotations = payload.optional.unwrap_or_default().into_iter();
    let identity = payload.critical.identity;
    let reference = identity.and_then(|identity| identity.reference);
    Ok(Claims {
        annotations: annotations
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect(),
        reference: reference.filter(|reference| !reference.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(digest: &str, kind: &str) -> Vec<u8> {
        let image = json!({"docker-manifest-digest": digest});
        let critical = json!({"identity": {"docker-reference": "x"}, "image": image, "type": kind});
        let optional = json!({"env": "prod", "n": 1});
        json!({"critical": critical, "optional": optional})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn accepts_this_image_and_reads_its_annotations() {
        let digest = Digest::of(b"image");
        let found = check(&payload(&digest.to_string(), TYPE), &digest).unwrap();
        assert_eq!(
            found,
            Claims {
                annotations: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
                reference: found.reference.clone(),
            }
        );
    }

    #[test]
    fn refuses_another_image_and_another_type() {
        let (digest, other) = (Digest::of(b"image"), Digest::of(b"other"));
        let error = check(&payload(&other.to_string(), TYPE), &digest).unwrap_err();
        assert!(matches!(error, Reason::ClaimDigest { .. }), "{error}");
        let error = check(&payload(&digest.to_string(), "atomic"), &digest).unwrap_err();
        assert!(matches!(error, Reason::ClaimType { .. }), "{error}");
        let error = check(b"{}", &digest).unwrap_err();
        assert!(matches!(error, Reason::Malformed { .. }), "{error}");
    }
}
