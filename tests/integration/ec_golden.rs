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

/// The checkout of the Conforma policies; without one nothing is claimed.
fn checkout() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
    let policy = std::env::var_os("CONFORMA_POLICY");
    if policy.is_none() {
        #[expect(clippy::print_stderr, reason = "says that the comparison was skipped")]
        {
            eprintln!("skipped: CONFORMA_POLICY names no checkout");
        }
    }
    policy?.into_string().ok()
}

#[test]
fn ec_golden_answers_are_ours() {
    let Some(policy) = checkout() else { return };
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

/// Every format as the real `ec` wrote it, byte for byte but for times, places and the version.
#[test]
fn ec_golden_outputs_are_ours() {
    let Some(policy) = checkout() else { return };
    let registry = serve_layout("chains-oci", "team/app");
    let dir = Workdir::new();
    let fixture =
        |name: &str| fs::read_to_string(root().join("tests/fixtures").join(name)).unwrap();
    dir.write("chains.pub", fixture("chains-oci/cosign.pub"));
    let config = fixture("ec-golden/slsa3.yaml").replace("POLICY", &policy);
    dir.write("policy.yaml", config);
    let image = format!("{}/team/app:v1.0", registry.address());
    for format in [
        "text",
        "yaml",
        "summary",
        "summary-markdown",
        "junit",
        "appstudio",
        "attestation",
        "policy-input",
    ] {
        let run = dir.promote(&[
            "ec",
            "validate",
            "image",
            "--image",
            &image,
            "--policy",
            "policy.yaml",
            "--public-key",
            "chains.pub",
            "--ignore-rekor",
            "--effective-time",
            "2026-11-21T22:58:35.607786632Z",
            "--allow-past-effective-time",
            "--output",
            format,
        ]);
        let run = run.exits(1);
        let address = registry.address().to_string();
        let ours = run
            .stdout
            .replace(&address, "127.0.0.1:5001")
            .replace(&policy, "POLICY");
        let theirs = fixture(&format!("ec-golden/chains-slsa3.{format}"));
        assert_eq!(comparable(&ours), comparable(&theirs), "{format}");
    }
}

/// Without what differs from run to run.
fn comparable(text: &str) -> String {
    let patterns = [
        (r"ec-version: .*", "ec-version: VERSION"),
        (r#"timestamp="[^"]*""#, "timestamp"),
        (r#""timestamp":"\d+""#, "timestamp"),
        (r"\| Time \| [^|]*\|", "| Time | TIME |"),
    ];
    patterns
        .iter()
        .fold(text.to_owned(), |text, (pattern, name)| {
            regex::Regex::new(pattern)
                .unwrap()
                .replace_all(&text, *name)
                .into_owned()
        })
}
