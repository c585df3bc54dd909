//! The statuses of the lab's runner equal those that a cluster recorded, but for times, digests and names.

use lab::{
    tekton::{self, Run},
    universe::{COMPONENT, TAG, Universe},
};
use serde_json::{Value, json};

const PIPELINE: &str = include_str!("../fixtures/tekton/pipeline.yaml");
const RECORDED: &str = include_str!("../fixtures/tekton/status.json");

/// A run of the recorded Pipeline, with the Tasks of today.
fn run(universe: &Universe) -> tekton::Status {
    let data = tempfile::tempdir().unwrap();
    let tasks = tekton::shipped();
    let tasks = tasks
        .iter()
        .filter(|path| !path.ends_with("promote-to-prod.yaml"));
    Run::new(tasks)
        .text("pipeline.yaml", PIPELINE)
        .promote(env!("CARGO_BIN_EXE_promote"))
        .env("SOURCE_DATE_EPOCH", "1767322000")
        .param("git-tag", TAG)
        .param("revision", &universe.commit)
        .param("git-url", universe.source_url())
        .param("images", format!("{COMPONENT}={}", universe.staging()))
        .param("policy", universe.policy_url())
        .param(
            "public-key",
            std::fs::read_to_string(universe.public_key()).unwrap(),
        )
        .param("ignore-rekor", "true")
        .param("to", universe.production())
        .param("gitops-repo-url", universe.gitops_url())
        .workspace("data", data.path())
        .workspace("git-credentials", universe.credentials())
        .workspace("gitops-credentials", universe.credentials())
        .run()
        .unwrap()
}

/// Blanks what differs from run to run, as `tests/fixtures/tekton/README.md` says.
struct Blank<'a> {
    universe: &'a Universe,
    run: &'a str,
}

impl Blank<'_> {
    fn text(&self, text: &str) -> String {
        let text = text
            .replace(&self.universe.git.address(), "GIT")
            .replace(&self.universe.registry.address(), "REGISTRY")
            .replace(self.run, "RUN")
            .replace(".git", "");
        let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
        let hex = regex::Regex::new("[0-9a-f]{10,}").unwrap();
        let text = time.replace_all(&text, "TIME");
        hex.replace_all(&text, "HEX").into_owned()
    }

    fn value(&self, value: &Value, key: &str) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item, key)).collect(),
            Value::Object(members) => {
                let of_condition = members.contains_key("lastTransitionTime");
                let is_any = |name: &str| {
                    let any = ["containerID", "imageID", "image", "uri", "sha256"];
                    any.contains(&name) || (name == "message" && !of_condition)
                };
                let members = members.iter().map(|(name, member)| match is_any(name) {
                    true => (name.clone(), json!("ANY")),
                    false => (name.clone(), self.value(member, name)),
                });
                let mut blank: Value = members.collect::<serde_json::Map<_, _>>().into();
                let is_key = blank["name"] == "public-key";
                let reference = blank["value"]
                    .as_str()
                    .is_some_and(|text| text.contains("$("));
                if blank.get("value").is_some() && (is_key || (key == "results" && !reference)) {
                    blank["value"] = json!("ANY");
                }
                blank
            }
            other => other.clone(),
        }
    }
}

#[test]
fn statuses_are_those_of_a_cluster_but_for_times_and_digests() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let status = run(&universe);
    let blank = Blank {
        universe: &universe,
        run: &status.name,
    };
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let mut own = blank.value(&status.to_json()["status"], "");
    own["childReferences"]
        .as_array_mut()
        .unwrap()
        .sort_by_key(|child| child["name"].to_string());
    same(&own, &recorded["pipelineRun"], "pipelineRun");
    let mut compared = 0;
    for (_, document) in status.task_runs() {
        let name = document["metadata"]["labels"]["tekton.dev/pipelineTask"].clone();
        let name = name.as_str().unwrap();
        let mut own = blank.value(&document["status"], "");
        if name != "report" {
            assert!(own["taskSpec"]["steps"][0]["args"].is_array(), "{own}");
            own.as_object_mut().unwrap().remove("taskSpec");
        }
        // Results that the Tasks of then did not have.
        if let Some(results) = own.get_mut("results").and_then(Value::as_array_mut) {
            let later = ["REPORT_DIGEST", "GITOPS_COMMIT_URL", "CHANGE_REQUEST_URL"];
            results.retain(|result| !later.iter().any(|name| result["name"] == *name));
        }
        same(&own, &recorded["taskRuns"][name], name);
        compared += 1;
    }
    assert_eq!(compared, 6);
}

#[test]
fn a_refusal_has_the_message_of_a_cluster() {
    let universe = Universe::new().unwrap();
    let status = run(&universe);
    let document = status.to_json();
    let condition = &document["status"]["conditions"][0];
    assert_eq!(
        condition["message"],
        "Tasks Completed: 4 (Failed: 1, Cancelled 0), Skipped: 2"
    );
    assert_eq!(
        (&condition["reason"], &condition["status"]),
        (&json!("Failed"), &json!("False"))
    );
    assert_eq!(
        document["status"]["skippedTasks"],
        json!([
            {"name": "copy-image", "reason": "PipelineRun was stopping"},
            {"name": "update-deployment", "reason": "PipelineRun was stopping"},
        ])
    );
    let runs = status.task_runs();
    let verify = runs
        .iter()
        .find(|(name, _)| name.ends_with("verify-enterprise-contract"));
    let verify = &verify.unwrap().1["status"];
    assert_eq!(
        verify["conditions"][0]["message"],
        "\"step-verify-ec\" exited with code 4: Error"
    );
    assert_eq!(verify["steps"][0]["terminated"]["reason"], "Error");
    assert_eq!(verify["steps"][0]["terminationReason"], "Error");
}

/// Names the first place where two documents differ.
#[track_caller]
fn same(own: &Value, recorded: &Value, at: &str) {
    match (own, recorded) {
        (Value::Object(own), Value::Object(recorded)) => {
            let names = |members: &serde_json::Map<String, Value>| {
                let mut names: Vec<_> = members.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(own), names(recorded), "{at}");
            for (name, member) in own {
                same(member, &recorded[name], &format!("{at}.{name}"));
            }
        }
        (Value::Array(own), Value::Array(recorded)) => {
            assert_eq!(own.len(), recorded.len(), "{at}: {own:?}");
            for (number, (own, recorded)) in own.iter().zip(recorded).enumerate() {
                same(own, recorded, &format!("{at}[{number}]"));
            }
        }
        _ => assert_eq!(own, recorded, "{at}"),
    }
}
