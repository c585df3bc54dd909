//! Validates SLSA provenance against the schema of its specification (v0.2 and v1).
//!
//! Other predicates are not checked. Members that the specification does not name are allowed.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

const V0_2: &str = "https://slsa.dev/provenance/v0.2";
const V1: &str = "https://slsa.dev/provenance/v1";

static SCHEMA_V0_2: LazyLock<Option<Validator>> =
    LazyLock::new(|| validator(include_str!("syntax/slsa_v0_2.json")));
static SCHEMA_V1: LazyLock<Option<Validator>> =
    LazyLock::new(|| validator(include_str!("syntax/slsa_v1.json")));

fn validator(schema: &str) -> Option<Validator> {
    let schema = serde_json::from_str(schema).ok()?;
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .ok()
}

/// A statement that does not conform to the schema of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attestation does not conform to {version} schema: {reason}")]
pub(crate) struct Error {
    version: &'static str,
    reason: String,
}

/// Validates a statement of a known type; accepts any other type.
///
/// # Errors
/// The first members that violate the schema.
pub(crate) fn check(statement: &Value) -> Result<(), Error> {
    let (version, schema) = match statement.get("predicateType").and_then(Value::as_str) {
        Some(V0_2) => ("SLSA v0.2", &SCHEMA_V0_2),
        Some(V1) => ("SLSA v1", &SCHEMA_V1),
        _ => return Ok(()),
    };
    let Some(schema) = schema.as_ref() else {
        let reason = "the schema in this program cannot be used".to_owned();
        return Err(Error { version, reason });
    };
    let wrong: Vec<_> = schema
        .iter_errors(statement)
        .take(5)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error {
        version,
        reason: wrong.join("; "),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn v0_2() -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": V0_2,
            "subject": [{"name": "reg.example/app", "digest": {"sha256": "ab12"}}],
            "predicate": {
                "builder": {"id": "https://tekton.dev/chains/v2"}, "buildType": "tekton.dev/v1/PipelineRun",
                "invocation": {"configSource": {}},
                "metadata": {"buildFinishedOn": "2026-01-02T03:04:05Z"},
                "materials": [{"uri": "git+https://git.example/a", "digest": {"sha1": "c0ffee"}}],
            },
        })
    }

    fn v1() -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": V1,
            "subject": [{"name": "a", "digest": {"sha256": "ab12"}}],
            "predicate": {
                "buildDefinition": {"buildType": "https://b.example", "externalParameters": {}},
                "runDetails": {"builder": {"id": "https://tekton.dev/chains/v2"}},
            },
        })
    }

    fn without(mut statement: Value, pointer: &str, value: Value) -> Value {
        *statement.pointer_mut(pointer).unwrap() = value;
        statement
    }

    #[test]
    fn accepts_provenance_as_the_specifications_show_it() {
        assert_eq!(check(&v0_2()), Ok(()));
        assert_eq!(check(&v1()), Ok(()));
        assert_eq!(
            check(&json!({"predicateType": "https://spdx.dev/Document"})),
            Ok(())
        );
    }

    #[test]
    fn refuses_what_lacks_or_breaks_a_member() {
        for (pointer, value) in [
            ("/_type", json!("https://in-toto.io/Statement/v1")),
            ("/subject", json!([])),
            ("/subject/0/name", json!("")),
            ("/subject/0/digest", json!({"sha256": "AB"})),
            ("/subject/0/digest", json!({"rot13": "ab"})),
            ("/predicate/builder", json!({})),
            ("/predicate/builder/id", json!("no uri")),
            ("/predicate/buildType", json!(1)),
            (
                "/predicate/metadata/buildFinishedOn",
                json!("2026-01-02T03:04:05+01:00"),
            ),
            ("/predicate/metadata/buildFinishedOn", json!("yesterday")),
            (
                "/predicate/invocation/configSource",
                json!({"entryPoint": ""}),
            ),
        ] {
            let error = check(&without(v0_2(), pointer, value.clone())).unwrap_err();
            assert!(
                error.to_string().contains("SLSA v0.2"),
                "{pointer} {value}: {error}"
            );
        }
        for (pointer, value) in [
            (
                "/predicate/buildDefinition",
                json!({"externalParameters": {}}),
            ),
            ("/predicate/runDetails/builder", json!({})),
        ] {
            assert!(check(&without(v1(), pointer, value)).is_err(), "{pointer}");
        }
    }
}
