//! Parses DSSE envelopes with one or several signatures (DSSE protocol v1).

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{error::Reason, limits};
use crate::json;

/// The media type of an envelope.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The payload type of an in-toto statement.
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// An envelope whose signatures are not verified yet.
#[derive(Debug, Clone)]
pub(super) struct SignedEnvelope {
    pub(super) payload_type: String,
    pub(super) payload: Vec<u8>,
    pub(super) signatures: Vec<EnvelopeSignature>,
}

/// A signature in an envelope, with the identifier of its key.
#[derive(Debug, Clone)]
pub(super) struct EnvelopeSignature {
    /// A hint, which is not used for any decision.
    pub(super) keyid: String,
    pub(super) bytes: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEnvelope {
    payload_type: String,
    payload: String,
    #[serde(default, deserialize_with = "json::nullable")]
    signatures: Vec<WireSignature>,
}

#[derive(Deserialize)]
struct WireSignature {
    #[serde(default)]
    keyid: Option<String>,
    sig: String,
}

impl SignedEnvelope {
    /// Parses an envelope within limits.
    ///
    /// # Errors
    /// [`Reason::Malformed`], [`Reason::NoSignature`], [`Reason::TooLarge`].
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let malformed = |reason: String| Reason::Malformed {
            what: "envelope",
            reason,
        };
        let wire: WireEnvelope =
            json::read(bytes, &json::ENVELOPE).map_err(|error| malformed(error.to_string()))?;
        let count = wire.signatures.len();
        if count == 0 {
            return Err(Reason::NoSignature);
        }
        if count > limits::ENVELOPE_SIGNATURES {
            return Err(Reason::TooLarge {
                what: "a number of signatures",
                found: count as u64,
                limit: limits::ENVELOPE_SIGNATURES as u64,
            });
        }
        // The protocol allows both base64 alphabets.
        let decode = |text: &str| {
            let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
            bytes.map_err(|error| malformed(error.to_string()))
        };
        let signature = |wire: WireSignature| {
            Ok(EnvelopeSignature {
                keyid: wire.keyid.unwrap_or_default(),
                bytes: decode(&wire.sig)?,
            })
        };
        let signatures: Result<Vec<_>, Reason> =
            wire.signatures.into_iter().map(signature).collect();
        Ok(Self {
            payload: decode(&wire.payload)?,
            payload_type: wire.payload_type,
            signatures: signatures?,
        })
    }

    /// Returns the signed bytes: the pre-authentication encoding.
    pub(super) fn signed_bytes(&self) -> Vec<u8> {
        signed_bytes(&self.payload_type, &self.payload)
    }
}

/// Returns the envelope of an in-toto statement with one signature over [`signed_bytes`]. Verifiers of summaries expect an
/// empty key identifier.
pub(crate) fn in_toto_envelope(statement: &[u8], signature: &[u8]) -> Value {
    json!({
        "payloadType": IN_TOTO,
        "payload": STANDARD.encode(statement),
        "signatures": [{"keyid": "", "sig": STANDARD.encode(signature)}],
    })
}

/// Returns the pre-authentication encoding of a payload, over which the signatures are made.
pub(crate) fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (kind, size) = (payload_type.len(), payload.len());
    let mut bytes = format!("DSSEv1 {kind} {payload_type} {size} ").into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_the_protocols_example_does() {
        let envelope = SignedEnvelope {
            payload_type: "http://example.com/HelloWorld".to_owned(),
            payload: b"hello world".to_vec(),
            signatures: Vec::new(),
        };
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(envelope.signed_bytes(), expected);
    }

    #[test]
    fn refuses_an_envelope_without_signatures_or_with_too_many() {
        let parse = |count: usize| {
            let signatures = vec![serde_json::json!({"sig": "AAAA"}); count];
            let wire =
                serde_json::json!({"payloadType": "t", "payload": "", "signatures": signatures});
            SignedEnvelope::parse(wire.to_string().as_bytes())
        };
        assert!(parse(2).is_ok());
        assert_eq!(parse(0).unwrap_err(), Reason::NoSignature);
        assert!(matches!(parse(17).unwrap_err(), Reason::TooLarge { .. }));
    }
}
