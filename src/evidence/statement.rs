//! In-toto statements (in-toto attestation framework, "Statement" v0.1 and v1).
//!
//! Reads the subjects and the predicate. The signature is verified in `trust`.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::{image::Digest, json};

const SPDX: &str = "https://spdx.dev/Document";
const TYPES: [&str; 2] = [
    "https://in-toto.io/Statement/v0.1",
    "https://in-toto.io/Statement/v1",
];
const MAX_SUBJECTS: usize = 1024;
/// How many digests a subject may have.
const MAX_DIGESTS: usize = 32;

/// A document that is not a usable statement; the fault is in the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StatementError {
    /// The document is not a JSON object with the members of a statement.
    #[error("the statement cannot be read: {reason}")]
    Malformed { reason: String },
    /// `_type` names another kind of document.
    #[error("_type is {found:?}, expected an in-toto statement v0.1 or v1")]
    Type { found: String },
    #[error("the statement has no predicateType")]
    NoPredicateType,
    #[error("the statement has no subject")]
    NoSubject,
    #[error("the statement has {found} {what}, expected at most {limit}")]
    TooMany {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    /// A subject has an empty digest set.
    #[error("subject {index} has no digest")]
    NoDigest { index: usize },
}

/// A parsed statement: subjects, predicate type and the document itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InTotoStatement {
    predicate_type: String,
    subjects: Vec<StatementSubject>,
    document: Value,
    text: Arc<str>,
}

#[derive(Debug, Deserialize)]
struct WireStatement {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType", default, deserialize_with = "json::nullable")]
    predicate_type: String,
    #[serde(default, deserialize_with = "json::nullable")]
    subject: Vec<StatementSubject>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct StatementSubject {
    #[serde(default, deserialize_with = "json::nullable")]
    digest: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "json::nullable")]
    annotations: BTreeMap<String, Value>,
}

impl InTotoStatement {
    /// Reads a statement.
    ///
    /// # Errors
    /// Any [`StatementError`]; a duplicate key in the JSON is one of them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let malformed = |error: json::Error| StatementError::Malformed {
            reason: error.to_string(),
        };
        let text = std::str::from_utf8(bytes).map_err(|error| StatementError::Malformed {
            reason: error.to_string(),
        })?;
        let document = json::document(bytes, &json::STATEMENT).map_err(malformed)?;
        let wire: WireStatement = json::decode(&document).map_err(malformed)?;
        if !TYPES.contains(&wire.kind.as_str()) {
            return Err(StatementError::Type { found: wire.kind });
        }
        if wire.predicate_type.is_empty() {
            return Err(StatementError::NoPredicateType);
        }
        check_predicate(&wire.predicate_type, &document)?;
        check_subjects(&wire.subject)?;
        Ok(Self {
            predicate_type: wire.predicate_type,
            subjects: wire.subject,
            document,
            text: text.into(),
        })
    }

    /// Returns the URI of the predicate type.
    pub(crate) fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Returns the document as parsed JSON.
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// Returns the document as it was signed, byte for byte.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Tells whether a subject has this digest; names of subjects are ignored.
    pub(crate) fn is_about(&self, digest: &Digest) -> bool {
        self.subjects_with(digest).next().is_some()
    }

    /// Returns the annotations with text values of the subjects with this digest.
    pub(crate) fn annotations(&self, digest: &Digest) -> BTreeMap<String, String> {
        self.subjects_with(digest)
            .flat_map(|subject| &subject.annotations)
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    fn subjects_with(&self, digest: &Digest) -> impl Iterator<Item = &StatementSubject> {
        let hex = digest.hex();
        self.subjects
            .iter()
            .filter(move |subject| subject.digest.get("sha256") == Some(&hex))
    }
}

/// Refuses a predicate that is not an object, as the attestation framework requires. `null` is
/// accepted as an empty one, and text because cosign stores SPDX in tag-value format so.
fn check_predicate(kind: &str, document: &Value) -> Result<(), StatementError> {
    let found = match document.get("predicate") {
        None | Some(Value::Null | Value::Object(_)) => return Ok(()),
        Some(Value::String(_)) if kind == SPDX => return Ok(()),
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "a list",
        Some(Value::Bool(_) | Value::Number(_)) => "a number or truth value",
    };
    Err(StatementError::Malformed {
        reason: format!("predicate: found {found}, expected an object"),
    })
}

fn check_subjects(subjects: &[StatementSubject]) -> Result<(), StatementError> {
    if subjects.is_empty() {
        return Err(StatementError::NoSubject);
    }
    let too_many =
        |what, found: usize, limit: usize| StatementError::TooMany { what, found, limit };
    if subjects.len() > MAX_SUBJECTS {
        return Err(too_many("subjects", subjects.len(), MAX_SUBJECTS));
    }
    for (index, subject) in subjects.iter().enumerate() {
        let found = subject.digest.len();
        if found == 0 {
            return Err(StatementError::NoDigest { index });
        }
        if found > MAX_DIGESTS {
            return Err(too_many("digests of one subject", found, MAX_DIGESTS));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest() -> Digest {
        Digest::of(b"image")
    }

    fn statement(subject: &Value) -> Vec<u8> {
        json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/p",
            "subject": subject, "predicate": {},
        })
        .to_string()
        .into_bytes()
    }

    fn good() -> Vec<u8> {
        statement(&json!([
            {"name": "other", "digest": {"sha256": "00"}},
            {"digest": {"sha256": digest().hex()}, "annotations": {"env": "prod", "n": 1}},
        ]))
    }

    #[test]
    fn finds_its_subject_at_any_position() {
        let statement = InTotoStatement::parse(&good()).unwrap();
        assert!(statement.is_about(&digest()));
        assert!(!statement.is_about(&Digest::of(b"other")));
        assert_eq!(statement.annotations(&digest())["env"], "prod");
    }

    #[test]
    fn an_upper_case_digest_does_not_match() {
        let upper = json!([{"digest": {"sha256": digest().hex().to_uppercase()}}]);
        let statement = InTotoStatement::parse(&statement(&upper)).unwrap();
        assert!(!statement.is_about(&digest()));
    }

    #[test]
    fn refuses_what_is_about_nothing() {
        let parse = |subject: Value| InTotoStatement::parse(&statement(&subject)).unwrap_err();
        assert_eq!(parse(json!([])), StatementError::NoSubject);
        let empty = parse(json!([{"digest": {}}]));
        assert_eq!(empty, StatementError::NoDigest { index: 0 });
        assert!(matches!(
            parse(json!([null])),
            StatementError::Malformed { .. }
        ));
        let null = parse(json!([{"digest": null}]));
        assert_eq!(null, StatementError::NoDigest { index: 0 });
        assert_eq!(parse(Value::Null), StatementError::NoSubject);
        let list = json!([{"digest": [["sha256", digest().hex()]]}]);
        assert!(matches!(parse(list), StatementError::Malformed { .. }));
    }

    #[test]
    fn a_predicate_is_an_object() {
        let with = |kind: &str, predicate: Value| {
            let mut document: Value = serde_json::from_slice(&good()).unwrap();
            document["predicateType"] = kind.into();
            document["predicate"] = predicate;
            InTotoStatement::parse(document.to_string().as_bytes()).is_ok()
        };
        for kind in ["https://example.com/own", SPDX] {
            assert!(with(kind, json!({"a": 1})) && with(kind, Value::Null));
            assert!(!with(kind, json!([{"a": 1}])) && !with(kind, json!(1)));
            assert_eq!(with(kind, json!("SPDXVersion: SPDX-2.3")), kind == SPDX);
        }
    }

    #[test]
    fn refuses_too_many_subjects() {
        let one = json!({"digest": {"sha256": digest().hex()}});
        let fits = vec![one.clone(); MAX_SUBJECTS];
        assert!(InTotoStatement::parse(&statement(&json!(fits))).is_ok());
        let many = vec![one; MAX_SUBJECTS + 1];
        let error = InTotoStatement::parse(&statement(&json!(many))).unwrap_err();
        assert!(matches!(error, StatementError::TooMany { .. }), "{error}");
    }

    #[test]
    fn refuses_another_type_and_a_repeated_key() {
        let text = String::from_utf8(good()).unwrap();
        let other = text.replace("Statement/v1", "Statement/v2");
        let error = InTotoStatement::parse(other.as_bytes()).unwrap_err();
        assert!(matches!(error, StatementError::Type { .. }), "{error}");
        for change in [
            ("predicateType", "PredicateType"),
            ("\"subject\"", "\"Subject\":[],\"subject\""),
            ("\"subject\"", "\"\u{17f}ubject\":[],\"subject\""),
            (
                "\"predicate\":{}",
                "\"predicate\":{\"a\":{\"b\":1,\"b\":2}}",
            ),
        ] {
            let folded = text.replacen(change.0, change.1, 1);
            assert_ne!(folded, text);
            let error = InTotoStatement::parse(folded.as_bytes()).unwrap_err();
            assert!(matches!(error, StatementError::Malformed { .. }), "{error}");
        }
        let list = format!("[{text}]");
        let error = InTotoStatement::parse(list.as_bytes()).unwrap_err();
        assert!(matches!(error, StatementError::Malformed { .. }), "{error}");
        let maps = text.replacen(
            "\"predicate\":{}",
            "\"predicate\":{\"labels\":{\"App\":\"a\",\"app\":\"b\"}},\"more\":null",
            1,
        );
        assert_ne!(maps, text);
        assert!(InTotoStatement::parse(maps.as_bytes()).is_ok());
        let twice = text.replacen('{', "{\"predicateType\":\"https://example.com/other\",", 1);
        let error = InTotoStatement::parse(twice.as_bytes()).unwrap_err();
        assert!(matches!(error, StatementError::Malformed { .. }), "{error}");
    }
}
