//! Reads the scan reports named in SLSA provenance (v0.2 and v1, as Tekton Chains writes it).
//!
//! A scanning task has the result `REPORTS`: a JSON object from the digest of an image to the
//! digest of the manifest of its report, in the image's own repository.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::InTotoStatement;
use crate::image::Digest;

const RESULT: &str = "REPORTS";

/// Returns the digests of all reports in a statement's task results.
///
/// Ignores other results: the policy decides whether provenance is sound.
pub(crate) fn reports(statement: &InTotoStatement) -> BTreeSet<Digest> {
    let predicate = &statement.document()["predicate"];
    // v0.2 lists the tasks themselves.
    let tasks = list(&predicate["buildConfig"]["tasks"]).map(Clone::clone);
    // v1 keeps each task run as a dependency, and results of the pipeline as by-products.
    let runs = list(&predicate["buildDefinition"]["resolvedDependencies"]).filter_map(content);
    let by_products = list(&predicate["runDetails"]["byproducts"])
        .filter(|product| is_result(&product["name"]))
        .filter_map(content);
    let results = tasks.chain(runs).flat_map(results_of).collect::<Vec<_>>();
    let values = results.into_iter().chain(by_products);
    values.flat_map(|value| digests(&value)).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Tells whether a name such as `taskRunResults/scan/REPORTS` ends in the result's name.
fn is_result(name: &Value) -> bool {
    let name = name.as_str().unwrap_or_default();
    name.rsplit('/').next() == Some(RESULT)
}

/// Decodes the JSON in the base64 `content` of a resource descriptor.
fn content(descriptor: &Value) -> Option<Value> {
    let text = STANDARD.decode(descriptor["content"].as_str()?).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Returns the values of the task's result, in each member where Tekton versions keep it.
fn results_of(task: Value) -> Vec<Value> {
    let status = &task["status"];
    let places = [&task["results"], &status["results"], &status["taskResults"]];
    let results = places.into_iter().flat_map(list);
    let results = results.filter(|result| is_result(&result["name"]));
    results.map(|result| result["value"].clone()).collect()
}

/// Returns the values of the map, which may be JSON inside a string.
fn digests(value: &Value) -> Vec<Digest> {
    let map: BTreeMap<String, String> = match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => serde_json::from_value(other.clone()).unwrap_or_default(),
    };
    map.values()
        .filter_map(|digest| digest.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(predicate: &Value) -> Vec<String> {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "https://slsa.dev/provenance/v1",
            "subject": [{"digest": {"sha256": "00"}}],
            "predicate": predicate,
        });
        let statement = InTotoStatement::parse(statement.to_string().as_bytes()).unwrap();
        reports(&statement)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn named() -> (String, Value) {
        let report = Digest::of(b"report").to_string();
        let map = json!({Digest::of(b"image").to_string(): report}).to_string();
        (
            report,
            json!({"name": "REPORTS", "type": "string", "value": map}),
        )
    }

    #[test]
    fn finds_reports_in_every_version_of_provenance() {
        let (report, result) = named();
        let report = [report];
        let v02 = json!({"buildConfig": {"tasks": [{"name": "scan", "results": [result]}]}});
        assert_eq!(of(&v02), report);
        let run = |status: Value| {
            let content = STANDARD.encode(json!({"status": status}).to_string());
            let one = json!({"name": "pipelineTask", "content": content});
            json!({"buildDefinition": {"resolvedDependencies": [{"name": "task"}, one]}})
        };
        assert_eq!(of(&run(json!({"results": [result]}))), report);
        assert_eq!(of(&run(json!({"taskResults": [result]}))), report);
        let content = STANDARD.encode(result["value"].to_string());
        let product = json!({"name": "taskRunResults/scan/REPORTS", "content": content});
        assert_eq!(
            of(&json!({"runDetails": {"byproducts": [product]}})),
            report
        );
    }

    #[test]
    fn an_artifact_that_is_not_a_report_is_passed_over() {
        for value in [
            "",
            "no JSON",
            "[]",
            r#"{"a": 7}"#,
            r#"{"a": "sha256:short"}"#,
        ] {
            let result = json!({"name": "REPORTS", "value": value});
            let other = json!({"name": "OTHER", "value": named().1["value"]});
            let tasks = json!({"buildConfig": {"tasks": [{"results": [result, other]}, 7]}});
            assert_eq!(of(&tasks), Vec::<String>::new(), "{value}");
        }
    }
}
