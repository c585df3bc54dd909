//! Tests whole policies: groups of sources, the evaluated packages, and the samples of the Conforma project.

mod samples;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    Dialect, Error, EvaluationTarget, Evidence, Fetcher, Policies, PolicySpec, RuleFinding,
    Settings, outcome::PolicyOutcome, rego::FunctionHost,
};
use crate::{
    env::Env,
    git::{Credentials, Git},
    http::{self, Http},
    registry::{self, Registry},
};

const AT: &str = "2026-06-01T00:00:00Z";

fn fetcher() -> Fetcher {
    fetcher_with(http::HttpOptions::default())
}

pub(super) fn fetcher_with(options: http::HttpOptions) -> Fetcher {
    let http = Http::new(options, &Env::default());
    let credentials = Credentials::new(None, &Env::default());
    Fetcher::new(
        Git::new(http.clone(), credentials),
        http.clone(),
        Registry::new(http, &Env::default(), registry::ClientOptions::default()),
    )
}

fn settings() -> Settings {
    Settings {
        host: FunctionHost::offline(),
        sigstore_options: json!({"public_key": "", "ignore_rekor": true}),
        dialect: Dialect::Promote,
        by_intention: false,
    }
}

async fn said(
    spec: &str,
    settings: Settings,
    at: &str,
    input: Value,
) -> Result<PolicyOutcome, Error> {
    let at = at.parse().unwrap();
    let spec = PolicySpec::parse(spec, "policy.yaml").unwrap();
    let policies = Policies::load(spec, &fetcher(), settings, at).await?;
    let subject = EvaluationTarget {
        image: None,
        component: "web",
        at,
    };
    let opinion = policies.evaluate(Evidence::Replayed(Arc::new(input)), subject);
    Ok(opinion.await?.outcome)
}

/// Makes a directory with policies, which a configuration names as `DIR`.
struct Sources(tempfile::TempDir);

impl Sources {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    async fn say(&self, spec: &str) -> Result<PolicyOutcome, Error> {
        self.say_with(spec, settings()).await
    }

    async fn say_with(&self, spec: &str, settings: Settings) -> Result<PolicyOutcome, Error> {
        let spec = spec.replace("DIR", self.0.path().to_str().unwrap());
        said(&spec, settings, AT, json!({"value": 1})).await
    }
}

/// A package with one rule that always denies.
fn rule(package: &str, name: &str, more: &str) -> String {
    format!(
        r#"package {package}

# METADATA
# title: t
# custom:
#   short_name: {name}
{more}deny contains {{"code": "{package}.{name}", "msg": "{package} says no"}}
"#
    )
}

fn codes(outcome: &PolicyOutcome) -> Vec<&str> {
    let codes = outcome.violations.iter().filter_map(|found| found.code());
    codes.collect()
}

#[tokio::test]
async fn each_group_is_evaluated_on_its_own() {
    let follows = rule("b", "y", "#   depends_on: [a.x]\n");
    let data = r#"package a

# METADATA
# custom:
#   short_name: x
deny contains {"code": "a.x", "msg": data.word}
"#;
    let sources = Sources::new(&[
        ("a/a.rego", data),
        ("b/b.rego", &follows),
        ("one/d.yaml", "word: one"),
        ("two/d.yaml", "word: two"),
    ]);
    let spec = "sources: [{policy: [DIR/a], data: [DIR/one]}, {policy: [DIR/a, DIR/b], data: [DIR/two]}, {policy: [DIR/b]}]";
    let outcome = sources.say(spec).await.unwrap();
    // Both groups have the rule, each with its data; a result that depends on it is removed only in its group.
    let messages: Vec<_> = outcome.violations.iter().map(|v| v.msg.as_str()).collect();
    assert_eq!(messages, ["one", "two", "b says no"]);
}

#[tokio::test]
async fn one_code_twice_in_a_group_is_refused() {
    let (one, two) = (rule("a", "x", ""), rule("a", "x", ""));
    let sources = Sources::new(&[("a/a.rego", &one), ("b/b.rego", &two)]);
    let twice = sources.say("sources: [{policy: [DIR/a, DIR/b]}]").await;
    let text = twice.unwrap_err().to_string();
    assert!(text.contains("a.x") && text.contains("b.rego:7"), "{text}");
    let apart = sources
        .say("sources: [{policy: [DIR/a]}, {policy: [DIR/b]}]")
        .await;
    assert_eq!(codes(&apart.unwrap()), ["a.x", "a.x"]);
}

#[tokio::test]
async fn only_packages_with_an_included_rule_are_evaluated() {
    let broken = rule("broken", "x", "")
        + "\ndeny contains \"never\" if conflict == 1\n\nconflict := 1\n\nconflict := 2\n";
    let (fine, nested) = (rule("fine", "x", ""), rule("deep.fine", "y", ""));
    let sources = Sources::new(&[("a.rego", &fine), ("b.rego", &broken), ("c.rego", &nested)]);
    let include =
        |list: &str| format!("sources: [{{policy: [DIR], config: {{include: [{list}]}}}}]");
    let outcome = sources.say(&include("fine.x")).await.unwrap();
    assert_eq!(codes(&outcome), ["fine.x"]);
    let error = sources.say(&include("'*'")).await.unwrap_err();
    assert!(error.to_string().contains("broken.deny at "), "{error}");
    // If no package is selected, all are evaluated, so that a misspelt include does not pass.
    let error = sources.say(&include("nosuch")).await.unwrap_err();
    assert!(error.to_string().contains("broken.deny at "), "{error}");
    let outcome = sources.say(&include("deep.fine")).await.unwrap();
    assert_eq!(codes(&outcome), ["deep.fine.y"]);
}

#[tokio::test]
async fn upstream_does_not_evaluate_nested_packages() {
    let (fine, nested) = (rule("fine", "x", ""), rule("deep.fine", "y", ""));
    let sources = Sources::new(&[("a.rego", &fine), ("c.rego", &nested)]);
    let all = "sources: [{policy: [DIR]}]";
    let ours = sources.say(all).await.unwrap();
    assert_eq!(codes(&ours), ["deep.fine.y", "fine.x"]);
    let upstream = Settings {
        dialect: Dialect::Conforma,
        ..settings()
    };
    let theirs = sources.say_with(all, upstream).await.unwrap();
    assert_eq!(codes(&theirs), ["fine.x"]);
}

#[tokio::test]
async fn upstream_takes_a_nested_package_for_its_first_segment() {
    let plain = "package deep\n\ndeny contains \"bare\"\n";
    let (fine, nested) = (rule("fine", "x", ""), rule("deep.fine", "y", ""));
    let sources = Sources::new(&[("a.rego", &fine), ("b.rego", plain), ("c.rego", &nested)]);
    let spec = "sources: [{policy: [DIR], config: {include: [fine]}}]";
    let upstream = Settings {
        dialect: Dialect::Conforma,
        ..settings()
    };
    let theirs = sources.say_with(spec, upstream).await.unwrap();
    let messages: Vec<_> = theirs.violations.iter().map(|v| v.msg.as_str()).collect();
    assert_eq!(messages, ["bare", "fine says no"]);
    let ours = sources.say(spec).await.unwrap();
    assert_eq!(codes(&ours), ["deep.fine.y", "fine.x"]);
}

#[tokio::test]
async fn an_include_opens_the_package_of_a_rule_whose_code_only_its_result_names() {
    let unnamed = "package a\n\ndeny contains {\"code\": \"a.x\", \"msg\": \"no\"}\n";
    let named = rule("c", "y", "");
    let sources = Sources::new(&[("a.rego", unnamed), ("c.rego", &named)]);
    for dialect in [Dialect::Promote, Dialect::Conforma] {
        let ask = async |include: &str| {
            let spec = format!("sources: [{{policy: [DIR], config: {{include: {include}}}}}]");
            let settings = Settings {
                dialect,
                ..settings()
            };
            let outcome = sources.say_with(&spec, settings).await.unwrap();
            codes(&outcome)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(ask("[a.x, c]").await, ["a.x", "c.y"], "{dialect:?}");
        assert_eq!(ask("[a.deny, c]").await, ["c.y"], "{dialect:?}");
        assert_eq!(ask("[c]").await, ["c.y"], "{dialect:?}");
    }
}

#[tokio::test]
async fn rules_without_annotations_never_pass() {
    let silent = "package a\n\ndeny contains \"no\" if input.value == 2\n";
    let sources = Sources::new(&[("a.rego", silent)]);
    let error = sources.say("sources: [{policy: [DIR]}]").await.unwrap_err();
    assert!(error.to_string().contains("METADATA"), "{error}");
    let annotated = silent.replace("deny", "# METADATA\n# custom:\n#   short_name: x\ndeny");
    let sources = Sources::new(&[("a.rego", &annotated)]);
    let outcome = sources.say("sources: [{policy: [DIR]}]").await.unwrap();
    assert_eq!(outcome.successes[0].code(), Some("a.x"));
}

#[tokio::test]
async fn a_severity_in_annotations_changes_nothing() {
    let mild = rule("a", "x", "#   severity: warning\n");
    let sources = Sources::new(&[("a.rego", &mild)]);
    let outcome = sources.say("sources: [{policy: [DIR]}]").await.unwrap();
    assert_eq!(codes(&outcome), ["a.x"]);
    assert!(outcome.warnings.is_empty());
}

#[tokio::test]
async fn a_line_may_be_as_long_as_a_schema() {
    let long = format!(
        r#"package a

long := "{}"

deny contains "no" if startswith(long, "x")
"#,
        "x".repeat(100_000)
    );
    let sources = Sources::new(&[("a.rego", &long)]);
    let outcome = sources.say("sources: [{policy: [DIR]}]").await.unwrap();
    assert_eq!(outcome.violations[0].msg, "no");
}

#[tokio::test]
async fn a_result_may_be_an_argument_of_a_function_under_another_name() {
    let lib = "package lib\n\ndouble(x) := x * 2\n";
    let rule = r#"package a

import data.lib
import data.lib as other

deny contains msg if {
	lib.double(2, four)
	other.double(3, 6)
	msg := sprintf("%d", [four])
}

deny contains "never" if lib.double(2, 5)
"#;
    let sources = Sources::new(&[("lib.rego", lib), ("a.rego", rule)]);
    let outcome = sources.say("sources: [{policy: [DIR]}]").await.unwrap();
    let messages: Vec<_> = outcome.violations.iter().map(|v| v.msg.as_str()).collect();
    assert_eq!(messages, ["4"]);
}

#[tokio::test]
async fn a_variable_may_have_the_name_of_an_import_or_of_a_rule() {
    let lib = "package lib.image\n\nname := \"lib\"\n";
    let rule = r#"package a

import data.lib.image

other := "rule"

deny contains msg if {
	some image in ["one"]
	some other in ["two"]
	msg := concat(" ", [image, other])
}

deny contains concat(" ", [image.name, other])
"#;
    let sources = Sources::new(&[("lib.rego", lib), ("a.rego", rule)]);
    let outcome = sources.say("sources: [{policy: [DIR]}]").await.unwrap();
    let messages: Vec<_> = outcome.violations.iter().map(|v| v.msg.as_str()).collect();
    assert_eq!(messages, ["lib rule", "one two"]);
}

#[tokio::test]
async fn a_function_may_be_in_two_files_of_its_package() {
    let one = r"package lib

import data.words as w

name(x) := w.one if x == 1
";
    let two = r"package lib

import data.numbers as w

name(y) := w.two if {
	y == 2
}
";
    let rule = r"package a

import data.lib

deny contains name if {
	some x in [1, 2, 3]
	name := lib.name(x)
}
";
    let sources = Sources::new(&[
        ("p/one.rego", one),
        ("p/two.rego", two),
        ("p/a.rego", rule),
        ("d/d.yaml", "words: {one: first}\nnumbers: {two: second}\n"),
    ]);
    let spec = "sources: [{policy: [DIR/p], data: [DIR/d]}]";
    let outcome = sources.say(spec).await.unwrap();
    let messages: Vec<_> = outcome.violations.iter().map(|v| v.msg.as_str()).collect();
    assert_eq!(messages, ["first", "second"]);
}

/// A certificate of a workflow, from a bundle that cosign made (see the fixture's README).
fn certificate() -> String {
    let bundle = include_str!(
        "../../tests/fixtures/cosign/layout/blobs/sha256/a54a9f4bb52fc4df717be559d17bc1122ac418f074ca08b6507b6486d8ebcf74"
    );
    let bundle: Value = serde_json::from_str(bundle).unwrap();
    let der = bundle["verificationMaterial"]["certificate"]["rawBytes"].as_str();
    let der = der.unwrap();
    format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn rules_read_certificates_as_open_policy_agent_shows_them() {
    let certificate = certificate();
    // The members and values are those that policies of the Conforma project use.
    let rule = r#"package a

certificate := crypto.x509.parse_certificates(data.rule_data__configuration__.pem)[0]

deny contains msg if {
	certificate.KeyUsage == 1
	certificate.ExtKeyUsage == [3]
	some extension in certificate.Extensions
	extension.Id == [1, 3, 6, 1, 4, 1, 57264, 1, 12]
	msg := sprintf("%s %s", [certificate.URIStrings[0], base64.decode(extension.Value)])
}

deny contains "invalid" if crypto.x509.parse_certificates("no certificate")
"#;
    let sources = Sources::new(&[("a.rego", rule)]);
    let spec = json!({"sources": [{"policy": ["DIR"], "ruleData": {"pem": certificate}}]});
    let outcome = sources.say(&spec.to_string()).await.unwrap();
    let messages: Vec<_> = outcome.violations.iter().map(|v| v.msg.as_str()).collect();
    let workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0";
    assert_eq!(
        messages,
        [format!("{workflow} \u{c}\u{1b}https://github.com/acme/app")]
    );
}

#[tokio::test]
async fn an_intention_leaves_only_the_rules_that_are_meant_for_it() {
    let meant = rule("a", "meant", "#   pipeline_intention: [release, staging]\n");
    let other = "\n# METADATA\n# title: t\n# custom:\n#   short_name: other\n#   pipeline_intention: build\ndeny contains {\"code\": \"a.other\", \"msg\": \"other\"}\n";
    let general = "\n# METADATA\n# title: t\n# custom:\n#   short_name: general\ndeny contains {\"code\": \"a.general\", \"msg\": \"general\", \"term\": \"t\"}\n\ndeny contains {\"code\": \"a.nowhere\", \"msg\": \"m\"}\n\ndeny contains \"bare\"\n";
    let sources = Sources::new(&[("a.rego", &(meant + other + general))]);
    let ask = async |intention: &str, dialect: Dialect| {
        let spec = format!("sources: [{{policy: [DIR], ruleData: {{{intention}}}}}]");
        let settings = Settings {
            by_intention: true,
            dialect,
            ..settings()
        };
        let outcome = sources.say_with(&spec, settings).await.unwrap();
        let messages = outcome.violations.iter().map(|found| found.msg.clone());
        messages.collect::<Vec<_>>()
    };
    // A result whose code has no annotation cannot be intended for other pipelines.
    let release = ask("pipeline_intention: release", Dialect::Promote).await;
    assert_eq!(release, ["bare", "a says no", "m"]);
    let none = ask("", Dialect::Promote).await;
    assert_eq!(none, ["bare", "general", "m"]);
    let upstream = ask("pipeline_intention: [release]", Dialect::Conforma).await;
    assert_eq!(upstream, ["bare", "a says no"]);
}

#[tokio::test]
async fn upstream_does_not_look_at_terms_when_it_filters_by_intention() {
    let meant = rule("a", "x", "#   pipeline_intention: release\n");
    let meant = meant.replace("\"msg\"", "\"term\": \"t\", \"msg\"");
    let sources = Sources::new(&[("a.rego", &meant)]);
    let spec = "sources: [{policy: [DIR], ruleData: {pipeline_intention: release}, config: {exclude: ['a.x:t']}}]";
    let ask = async |dialect: Dialect| {
        let settings = Settings {
            by_intention: true,
            dialect,
            ..settings()
        };
        sources.say_with(spec, settings).await.unwrap()
    };
    assert_eq!(codes(&ask(Dialect::Conforma).await), ["a.x"]);
    assert!(ask(Dialect::Promote).await.violations.is_empty());
}

#[tokio::test]
async fn a_policy_that_cannot_be_used_says_where_and_why() {
    let cases = [
        ("package a\n\ndeny contains \"x\" if {\n", "a.rego:"),
        (
            "package a\n\ndeny if input.x\n",
            "a.rego:3: a.deny returns a boolean",
        ),
        (
            "package a\n\ndeny contains x if x := true\n",
            "rule a.deny at ",
        ),
        (
            "package a\n\ndeny contains x if x := nosuch.f(1)\n",
            "a.rego:3:25: rego_type_error: undefined function nosuch.f",
        ),
        (
            "package a\n\ndeny contains x if x := opa.runtime()\n",
            "a.rego:3:25: function opa.runtime is not available",
        ),
        (
            "package a\n\ndeny contains x if x := net.lookup_ip_addr(\"h\")\n",
            "a.rego:3:25: function net.lookup_ip_addr",
        ),
        (
            "package a\n\ndeny contains x if x := lower()\n",
            "a.rego:3:25: rego_type_error: ",
        ),
        ("package a\n", "no rules"),
        ("", "a.rego:0:0: rego_parse_error: empty module"),
    ];
    for (source, expected) in cases {
        let sources = Sources::new(&[("p/a.rego", source)]);
        let error = sources.say("sources: [{policy: [DIR/p]}]").await;
        let text = error.unwrap_err().to_string();
        assert!(text.contains(expected), "{source:?} gave {text:?}");
        assert!(!text.contains("file::"), "{text}");
    }
    let sources = Sources::new(&[("p/README.md", "no rules")]);
    let error = sources
        .say("sources: [{policy: [DIR/p]}]")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoPolicy { .. }), "{error}");
    let error = sources.say("sources: [{policy: [DIR/absent]}]").await;
    assert!(matches!(error, Err(Error::Source(_))));
}
