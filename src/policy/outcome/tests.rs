use serde_json::json;

use super::*;
use crate::policy::{config::PolicySpec, criteria::Criteria};

const AT: &str = "2026-06-01T00:00:00Z";

struct Case {
    config: &'static str,
    dialect: Dialect,
    annotated: Vec<(&'static str, Value)>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            config: "sources: [{}]",
            dialect: Dialect::Promote,
            annotated: Vec::new(),
        }
    }
}

impl Case {
    fn read(&self, raws: &[(&str, Value)]) -> Result<PolicyOutcome, Error> {
        let raws = raws.iter().map(|(rule, value)| ("p", *rule, value.clone()));
        self.read_all(&raws.collect::<Vec<_>>())
    }

    fn read_all(&self, raws: &[(&str, &str, Value)]) -> Result<PolicyOutcome, Error> {
        let at = AT.parse().unwrap();
        let spec = PolicySpec::parse(self.config, "policy.yaml").unwrap();
        let criteria = Criteria::new(&spec.sources[0], None, at);
        let selection = criteria.select(None, "web", self.dialect);
        let annotated = self.annotated.iter().map(|(code, metadata)| {
            let metadata: BTreeMap<String, Value> =
                serde_json::from_value(metadata.clone()).unwrap();
            let list = |member: &str| {
                let list = metadata.get(member).cloned().unwrap_or(json!([]));
                serde_json::from_value(list).unwrap()
            };
            let annotated = Annotated {
                code: (*code).to_owned(),
                package: code.rsplit_once('.').unwrap().0.to_owned(),
                collections: list("collections"),
                pipeline_intention: Vec::new(),
                metadata,
            };
            ((*code).to_owned(), annotated)
        });
        let annotated = annotated.collect();
        let reading = ResultReader {
            selection: &selection,
            annotated: &annotated,
            meant: RuleFilter::All,
            at,
            dialect: self.dialect,
        };
        let raws: Vec<_> = raws
            .iter()
            .map(|(package, rule, value)| RuleValue {
                package: (*package).to_owned(),
                rule: (*rule).to_owned(),
                place: None,
                value: value.clone(),
                origins: Vec::new(),
            })
            .collect();
        let packages = raws.iter().map(|raw| raw.package.clone());
        reading.outcome(&raws, &packages.collect())
    }
}

fn messages(findings: &[RuleFinding]) -> Vec<&str> {
    findings
        .iter()
        .map(|finding| finding.msg.as_str())
        .collect()
}

#[test]
fn rules_are_for_what_their_names_say() {
    for name in ["deny", "violation", "deny_a", "deny_a1_B2"] {
        assert_eq!(Purpose::of(name), Some(Purpose::Deny), "{name}");
    }
    assert_eq!(Purpose::of("warn_x"), Some(Purpose::Warn));
    for name in [
        "denied", "deny_", "deny__x", "warning", "allow", "a_deny", "deny_é",
    ] {
        assert_eq!(Purpose::of(name), None, "{name}");
    }
}

#[test]
fn texts_and_objects_are_results() {
    let outcome = Case::default()
        .read(&[
            (
                "deny",
                json!(["plain", {"msg": "rich", "code": "p.a", "_loc": 1, "x": 2}]),
            ),
            ("warn", json!([{"msg": "careful", "code": "p.b"}])),
        ])
        .unwrap();
    assert_eq!(messages(&outcome.violations), ["plain", "rich"]);
    assert_eq!(messages(&outcome.warnings), ["careful"]);
    assert_eq!(outcome.violations[1].metadata.get("x"), Some(&json!(2)));
    assert!(outcome.violations[1].metadata.get("_loc").is_none());
}

#[test]
fn what_cannot_be_understood_is_an_error_and_no_pass() {
    for value in [json!(true), json!({"msg": "m"}), json!("m"), json!(null)] {
        let error = Case::default()
            .read(&[("deny", value.clone())])
            .unwrap_err();
        assert!(matches!(error, Error::Value { .. }), "{value}");
    }
    for element in [json!({}), json!({"msg": 1}), json!(true), json!(["m"])] {
        let error = Case::default()
            .read(&[("deny_x", json!([element]))])
            .unwrap_err();
        assert!(error.to_string().contains("p.deny_x"), "{error}");
    }
    assert_eq!(
        Case::default().read(&[("deny", json!([]))]),
        Err(Error::Nothing)
    );
}

#[test]
fn a_violation_of_the_future_is_a_warning() {
    let deny = |effective_on: &str| {
        let result = json!([{"msg": "No.", "code": "p.a", "effective_on": effective_on}]);
        Case::default().read(&[("deny", result)]).unwrap()
    };
    let future = deny("2026-06-01T00:00:00Z");
    assert_eq!(
        messages(&future.warnings),
        ["No. This will become a failure starting on 2026-06-01T00:00:00Z"]
    );
    assert!(future.violations.is_empty());
    let past = deny("2026-05-31T23:59:59Z");
    assert_eq!(messages(&past.violations), ["No."]);
    // A date in another format does not postpone a violation.
    for date in [
        "2099-01-01",
        "2099-01-01 00:00:00Z",
        "2099-01-01t00:00:00z",
        "2099-01-01T00:00:60Z",
        "2099-13-01T00:00:00Z",
        "20990101T000000.000Z",
        "2099-01-01T00:00:00+00:00",
    ] {
        assert_eq!(messages(&deny(date).violations), ["No."], "{date}");
    }
}

#[test]
fn a_date_long_past_is_not_shown() {
    let result = |date: &str| json!([{"msg": "no", "code": "p.a", "effective_on": date}]);
    for (date, shown) in [
        ("2026-03-03T00:00:00Z", true),
        ("2026-03-02T23:59:59Z", false),
    ] {
        let outcome = Case::default().read(&[("deny", result(date))]).unwrap();
        let violation = &outcome.violations[0];
        assert_eq!(
            violation.metadata.get("effective_on").is_some(),
            shown,
            "{date}"
        );
    }
}

#[test]
fn a_severity_changes_the_sentence() {
    let outcome = Case::default()
        .read(&[
            ("deny", json!([{"msg": "mild", "code": "p.a", "severity": "warning"}, {"msg": "odd", "code": "p.a", "severity": "fatal"}])),
            ("warn", json!([{"msg": "harsh", "code": "p.b", "severity": "failure", "effective_on": "2099-01-01T00:00:00Z"}])),
        ])
        .unwrap();
    assert_eq!(messages(&outcome.violations), ["odd", "harsh"]);
    assert_eq!(messages(&outcome.warnings), ["mild"]);
}

#[test]
fn annotations_win_over_the_result() {
    let case = Case {
        annotated: vec![(
            "p.a",
            json!({"title": "T", "effective_on": "2099-01-01T00:00:00Z"}),
        )],
        ..Case::default()
    };
    let result = json!([{"msg": "no", "code": "p.a", "title": "other", "effective_on": "2026-01-01T00:00:00Z", "collections": "x"}]);
    let outcome = case.read(&[("deny", result)]).unwrap();
    assert!(outcome.violations.is_empty());
    assert_eq!(outcome.warnings[0].text("title"), Some("T"));
    assert!(outcome.warnings[0].metadata.get("collections").is_none());
}

#[test]
fn every_annotation_wins_and_the_result_keeps_the_rest() {
    let all = |text: &str| json!({"title": text, "description": text, "solution": text, "collections": [text], "depends_on": [text], "effective_on": "2099-01-01T00:00:00Z"});
    let case = Case {
        annotated: vec![("p.a", all("annotated")), ("p.b", json!({}))],
        ..Case::default()
    };
    let result = |code: &str| {
        let mut result = all("said");
        result["code"] = json!(code);
        result["msg"] = json!(code);
        result["severity"] = json!("warning");
        result
    };
    let outcome = case
        .read(&[("deny", json!([result("p.a"), result("p.b")]))])
        .unwrap();
    for (warning, origin) in outcome.warnings.iter().zip(["annotated", "said"]) {
        for member in [
            "title",
            "description",
            "solution",
            "collections",
            "depends_on",
        ] {
            assert_eq!(warning.list(member), [origin], "{member}");
        }
    }
    assert_eq!(outcome.warnings.len(), 2);
}

#[test]
fn rules_without_results_are_successes_unless_excluded() {
    let case = Case {
        config: "sources: [{config: {exclude: [p.c, 'p.d:x']}}]",
        annotated: vec![
            ("p.a", json!({"title": "T", "solution": "S"})),
            ("p.b", json!({})),
            ("p.c", json!({})),
            ("p.d", json!({})),
            ("q.a", json!({})),
        ],
        ..Case::default()
    };
    let results = json!([{"msg": "no", "code": "p.b"}, {"msg": "no", "code": "p.c"}, {"msg": "no", "code": "p.d", "term": "x"}]);
    let outcome = case.read(&[("deny", results)]).unwrap();
    let codes: Vec<_> = outcome
        .successes
        .iter()
        .filter_map(RuleFinding::code)
        .collect();
    // A rule without results after exclusion by term passes.
    assert_eq!(codes, ["p.a", "p.d"]);
    assert!(outcome.successes[0].metadata.get("solution").is_none());
    assert_eq!(outcome.exceptions, ["p.c", "p.d:x"]);
    assert_eq!(messages(&outcome.violations), ["no"]);
}

#[test]
fn the_policys_own_exceptions_are_named() {
    let raws = [
        ("deny_root", json!(["root"])),
        ("deny", json!(["other"])),
        ("exception", json!([["root"]])),
    ];
    let outcome = Case::default().read(&raws).unwrap();
    assert_eq!(messages(&outcome.violations), ["other"]);
    assert_eq!(outcome.exceptions, ["p.deny_root"]);
}

#[test]
fn exceptions_name_rules_without_what_they_are_for() {
    for (rule, exception) in [
        ("deny", ""),
        ("deny_a_b", "a_b"),
        ("violation_a", "a"),
        ("warn_a", "a"),
        ("violation_deny_a", "a"),
    ] {
        let raws = |name: &str| [(rule, json!(["no"])), ("exception", json!([[name]]))];
        let excepted = Case::default().read(&raws(exception));
        assert_eq!(excepted, Err(Error::Nothing), "{rule}");
        assert!(Case::default().read(&raws("other")).is_ok(), "{rule}");
    }
}

#[test]
fn what_follows_from_a_reported_result_is_left_out() {
    let annotated = vec![
        ("p.a", json!({})),
        ("p.b", json!({"depends_on": ["p.a"]})),
        ("p.c", json!({"depends_on": ["p.a", "p.x", "p.y"]})),
        ("p.s", json!({"depends_on": ["p.a"]})),
    ];
    let results = json!([{"msg": "a", "code": "p.a"}, {"msg": "b", "code": "p.b"}, {"msg": "c", "code": "p.c"}]);
    let fixed = Case {
        annotated: annotated.clone(),
        ..Case::default()
    };
    let outcome = fixed.read(&[("deny", results.clone())]).unwrap();
    assert_eq!(messages(&outcome.violations), ["a", "c"]);
    assert!(outcome.successes.is_empty());
    let upstream = Case {
        annotated,
        dialect: Dialect::Conforma,
        ..Case::default()
    };
    let outcome = upstream.read(&[("deny", results)]).unwrap();
    assert_eq!(messages(&outcome.violations), ["a", "c", "c"]);
}

#[test]
fn what_follows_from_something_that_is_left_out_is_left_out_too() {
    let case = Case {
        annotated: vec![
            ("p.b", json!({"depends_on": ["p.a"]})),
            ("p.c", json!({"depends_on": ["p.b"]})),
        ],
        ..Case::default()
    };
    let warned = json!([{"msg": "a", "code": "p.a"}]);
    let denied = json!([{"msg": "b", "code": "p.b"}, {"msg": "c", "code": "p.c"}]);
    let outcome = case.read(&[("warn", warned), ("deny", denied)]).unwrap();
    assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
    assert_eq!(messages(&outcome.warnings), ["a"]);
}

#[test]
fn a_result_cannot_say_of_itself_that_it_follows_from_another() {
    let warned = json!([{"msg": "a", "code": "p.a"}]);
    let denied = json!([{"msg": "b", "code": "p.b", "depends_on": ["p.a"]}]);
    let outcome = Case::default().read(&[("warn", warned), ("deny", denied)]);
    assert_eq!(messages(&outcome.unwrap().violations), ["b"]);
}

#[test]
fn a_rule_passes_whatever_another_package_says_in_its_name() {
    let case = Case {
        annotated: vec![("q.a", json!({}))],
        ..Case::default()
    };
    for package in ["p", "r"] {
        let says = json!([{"msg": "no", "code": "q.a"}]);
        let raws = [(package, "deny", says), ("q", "deny", json!([]))];
        let outcome = case.read_all(&raws).unwrap();
        assert_eq!(messages(&outcome.violations), ["no"], "{package}");
        assert_eq!(messages(&outcome.successes), ["Pass"], "{package}");
    }
}

#[test]
fn an_empty_code_is_none() {
    let case = Case {
        config: "sources: [{config: {exclude: ['*']}}]",
        ..Case::default()
    };
    for code in [json!(""), json!(1), json!(null)] {
        let outcome = case.read(&[("deny", json!([{"msg": "no", "code": code}]))]);
        assert_eq!(messages(&outcome.unwrap().violations), ["no"], "{code}");
    }
    let named = case.read(&[("deny", json!([{"msg": "no", "code": "p.a"}]))]);
    assert_eq!(named, Err(Error::Nothing));
}

#[test]
fn a_code_shared_by_deny_and_warn_keeps_its_kinds() {
    let raws = [
        ("deny", json!([{"msg": "no", "code": "p.a"}])),
        ("warn", json!([{"msg": "hm", "code": "p.a"}])),
    ];
    let fixed = Case::default().read(&raws).unwrap();
    assert_eq!(messages(&fixed.violations), ["no"]);
    let upstream = Case {
        dialect: Dialect::Conforma,
        ..Case::default()
    };
    assert!(upstream.read(&raws).unwrap().violations.is_empty());
    // Without a code Conforma's ec compares the message.
    let raws = [
        ("deny", json!(["same", "another"])),
        ("warn", json!([{"msg": "same", "code": "p.a"}])),
    ];
    let fixed = Case::default().read(&raws).unwrap();
    assert_eq!(messages(&fixed.violations), ["same", "another"]);
    let theirs = upstream.read(&raws).unwrap();
    assert_eq!(messages(&theirs.violations), ["another"]);
    assert_eq!(messages(&theirs.warnings), ["same", "same"]);
}

#[test]
fn an_include_that_matches_nothing_is_a_warning() {
    let case = Case {
        config: "sources: [{config: {include: [p, '@none']}}]",
        ..Case::default()
    };
    let outcome = case
        .read(&[("deny", json!([{"msg": "no", "code": "p.a"}]))])
        .unwrap();
    assert_eq!(
        messages(&outcome.warnings),
        ["Include criterion '@none' doesn't match any policy rule"]
    );
}

#[test]
fn a_violation_says_how_it_could_be_excluded() {
    let case = Case {
        annotated: vec![("p.a", json!({"description": "All is well."}))],
        ..Case::default()
    };
    let results = json!([{"msg": "no", "code": "p.a", "term": ["x", "y"]}]);
    let outcome = case.read(&[("deny", results)]).unwrap();
    assert_eq!(
        outcome.violations[0].text("description").unwrap(),
        "All is well. To exclude this rule add one or more of \"p.a:x\", \"p.a:y\" to the `exclude` section of the policy configuration."
    );
}

#[test]
fn only_a_violation_says_so_and_with_the_terms_that_it_has() {
    let case = Case {
        annotated: vec![("p.a", json!({"description": "All is well"}))],
        ..Case::default()
    };
    let results =
        json!([{"msg": "with", "code": "p.a", "term": "x"}, {"msg": "without", "code": "p.a"}]);
    let warned = json!([{"msg": "hm", "code": "p.a"}]);
    let outcome = case.read(&[("deny", results), ("warn", warned)]).unwrap();
    let said = outcome.violations.iter().chain(&outcome.warnings);
    let said: Vec<_> = said.filter_map(|one| one.text("description")).collect();
    let hint = |what: &str| {
        format!(
            "All is well. To exclude this rule add \"{what}\" to the `exclude` section of the policy configuration."
        )
    };
    assert_eq!(said, [&hint("p.a:x"), &hint("p.a"), "All is well"]);
}

#[test]
fn a_hint_names_terms_as_criteria_are_written() {
    let case = Case {
        annotated: vec![("p.a", json!({"description": "All is well"}))],
        ..Case::default()
    };
    let hint = |term: Value| {
        let result = json!([{"msg": "no", "code": "p.a", "term": term}]);
        let outcome = case.read(&[("deny", result)]).unwrap();
        let description = outcome.violations[0].text("description").unwrap();
        let rest = description.strip_prefix("All is well. To exclude this rule add ");
        let rest = rest
            .unwrap()
            .strip_suffix(" to the `exclude` section of the policy configuration.");
        rest.unwrap().to_owned()
    };
    assert_eq!(hint(json!("a\\b é")), "\"p.a:a\\b é\"");
    assert_eq!(hint(json!("")), "\"p.a\"");
    assert_eq!(hint(json!(["", "x", 1])), "\"p.a:x\"");
}

#[test]
fn results_are_in_the_order_of_code_first_term_and_message() {
    let result =
        |msg: &str, code: &str, term: Value| json!({"msg": msg, "code": code, "term": term});
    let results = json!([
        result("1", "p.b", json!("a")),
        result("2", "p.a", json!(["z", "a"])),
        result("4", "p.a", json!(["b"])),
        result("3", "p.a", json!("b")),
        {"msg": "5"},
    ]);
    let mut outcome = Case::default().read(&[("deny", results)]).unwrap();
    outcome.sort();
    assert_eq!(messages(&outcome.violations), ["5", "3", "4", "2", "1"]);
}
