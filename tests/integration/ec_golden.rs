//! The real `ec`'s answers about a real Chains image, compared with ours (see the fixtures' README).
//!
//! Needs a checkout of the Conforma policies, named by `CONFORMA_POLICY`; says so when there is none.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{docs::root, harness::Workdir, trust::serve_layout};

/// Code, first term and message of each result.
type Found = BTreeSet<(String, String, String)>;

fn found(results: &Value, code: impl Fn(&Value) -> Value, term: impl Fn(&Value) -> Value) -> Found {
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let results = results.as_array().into_iter().flatten();
    results
        .map(|result| {
            (
                text(code(result)),
                text(term(result)),
                text(result["msg"].clone()),
            )
        })
        .collect()
}

#[test]
fn ec_golden_answers_are_ours() {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
    let Some(policy) = std::env::var_os("CONFORMA_POLICY") else {
        // Without a checkout nothing is claimed.
        #[expect(clippy::print_stderr, reason = "says that the comparison was skipped")]
        {
            eprintln!("skipped: CONFORMA_POLICY names no checkout");
        }
        return;
    };
    let policy = policy.into_string().unwrap();
    let registry = serve_layout("chains-oci", "team/app");
    let key = root().join("tests/fixtures/chains-oci/cosign.pub");
    let image = format!("{}/team/app:v1.0", registry.address());
    for collection in ["slsa3", "minimal", "github"] {
        let fixture = |suffix: &str| {
            let path = format!("tests/fixtures/ec-golden/{suffix}");
            fs::read_to_string(root().join(path)).unwrap()
        };
        let dir = Workdir::new();
        let config = fixture(&format!("{collection}.yaml")).replace("POLICY", &policy);
        dir.write("policy.yaml", config);
        let golden: Value =
            serde_json::from_str(&fixture(&format!("chains-{collection}.json"))).unwrap();
        let run = dir.promote(&[
            "verify-ec",
            "--image",
            &image,
            "--policy",
            "policy.yaml",
            "--public-key",
            key.to_str().unwrap(),
            "--ignore-rekor",
            "--output",
            "json",
            "--show-successes",
            "--effective-time",
            "2026-11-21T22:58:35Z",
        ]);
        let run = run.exits(if golden["exit"] == 0 { 0 } else { 4 });
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let (ours, theirs) = (&report["components"][0], &golden["components"][0]);
        for list in ["violations", "warnings"] {
            let ours = found(
                &ours[list],
                |r| r["metadata"]["code"].clone(),
                |r| r["metadata"]["term"].clone(),
            );
            let theirs = found(&theirs[list], |r| r["code"].clone(), |r| r["term"].clone());
            assert_eq!(ours, theirs, "{list} of {collection}");
        }
        let passed = |value: &Value, code: &dyn Fn(&Value) -> Value| -> BTreeSet<String> {
            let list = value["successes"].as_array().into_iter().flatten();
            list.map(|success| code(success).as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let ours = passed(ours, &|success| success["metadata"]["code"].clone());
        let theirs = passed(theirs, &|code| code.clone());
        assert_eq!(ours, theirs, "successes of {collection}");
    }
}
