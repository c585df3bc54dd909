//! Tests the wrapped engine: errors with file and line, limits, loaded files.

mod once;

use std::time::Duration;

use serde_json::{Value, json};

use super::{EngineInput, Error, FunctionHost, Module, Policy, Program, Query, RuleValue};

fn module(file: &str, source: &str) -> Module {
    Module {
        file: file.to_owned(),
        source: source.to_owned(),
    }
}

fn policy(source: &str) -> Result<Policy, Error> {
    Policy::read(vec![module("p.rego", source)])
}

/// Reads and compiles a policy of one module with the package `p`.
fn refused(source: &str, data: &Value) -> Error {
    let compiled =
        policy(source).and_then(|policy| policy.compile(data, &FunctionHost::offline()).map(drop));
    compiled.unwrap_err()
}

fn input(json: &Value) -> EngineInput {
    EngineInput::read(json)
}

fn evaluate(source: &str, rule: &str) -> Result<Vec<RuleValue>, Error> {
    let policy = policy(source)?;
    let program = policy.compile(&json!({}), &FunctionHost::offline())?;
    let query = Query {
        package: "p".to_owned(),
        rule: rule.to_owned(),
    };
    program.evaluate(&input(&json!({"text": "t"})), &[query])
}

#[test]
fn a_syntax_error_names_file_line_and_cause() {
    let error = refused("package p\n\ndeny contains \"x\" if {\n", &json!({}));
    assert!(matches!(error, Error::Syntax(_)), "{error}");
    let shown = error.to_string();
    assert!(shown.starts_with("p.rego:4:"), "{shown}");
    let shown = refused("package p\n\nx := := 1\n", &json!({})).to_string();
    assert!(
        shown.starts_with("p.rego:3:6: rego_parse_error: "),
        "{shown}"
    );
    assert!(shown.contains("\n\tx := := 1\n\t     ^"), "{shown}");
}

#[test]
fn a_policy_without_rules_is_refused() {
    assert!(matches!(refused("package p\n", &json!({})), Error::Empty));
}

#[test]
fn unknown_forbidden_and_misused_functions_are_refused_where_they_are() {
    let call = |call: &str| {
        refused(
            &format!("package p\n\ndeny contains x if x := {call}\n"),
            &json!({}),
        )
    };
    assert_eq!(
        call("nosuch.function(1)").to_string(),
        "p.rego:3:25: rego_type_error: undefined function nosuch.function\n\tdeny contains x if x := nosuch.function(1)\n\t                        ^"
    );
    for function in ["http.send({})", "opa.runtime()"] {
        let error = call(function);
        assert!(matches!(error, Error::ForbiddenFunction { .. }), "{error}");
        assert!(error.to_string().starts_with("p.rego:3:25: function "));
    }
    for misused in ["startswith(\"a\")", "__collection(1)"] {
        let error = call(misused);
        assert!(matches!(error, Error::Compile(_)), "{misused}: {error}");
    }
    assert!(
        evaluate(
            "package p\n\ndeny contains x if x := sprintf(\"%s\", [\"a\"])\n",
            "deny"
        )
        .is_ok()
    );
}

#[test]
fn results_of_the_wrong_kind_are_refused() {
    for head in [
        "deny if true",
        "deny := 1",
        "warn contains 5 if true",
        "deny_x contains [1] if true",
    ] {
        let error = refused(&format!("package p\n\n{head}\n"), &json!({}));
        assert!(matches!(error, Error::ResultKind { .. }), "{head}: {error}");
    }
    assert!(
        evaluate(
            "package p\n\ndeny contains {\"msg\": \"m\"} if true\n",
            "deny"
        )
        .is_ok()
    );
}

#[test]
fn data_in_the_place_of_a_rule_is_refused() {
    let source = "package p\n\ndeny contains \"x\" if true\n";
    let error = refused(source, &json!({"p": {"deny": []}}));
    assert!(matches!(error, Error::DataCollision { .. }), "{error}");
    let beside = policy(source).unwrap();
    let beside = beside.compile(&json!({"p": {"other": 1}}), &FunctionHost::offline());
    assert!(beside.is_ok());
}

#[test]
fn two_rules_with_one_code_are_refused() {
    let rule = r#"# METADATA
# custom:
#   short_name: same
deny contains "x" if true

"#;
    let error = refused(&format!("package p\n\n{rule}{rule}"), &json!({}));
    let Error::DuplicateCode {
        code,
        first,
        second,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((code.as_str(), first.line, second.line), ("p.same", 6, 11));
}

#[test]
fn an_error_in_one_rule_names_the_rule() {
    let source = r"package p

fine contains 1 if true

broken := 1 if true

broken := 2 if true
";
    assert!(evaluate(source, "fine").is_ok());
    let error = evaluate(source, "broken").unwrap_err();
    let Error::Evaluation { rule, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(rule, "p.broken at p.rego:5");
}

#[test]
fn several_values_of_a_rule_with_one_are_an_error_and_never_nothing() {
    for body in [
        "some x in [1, 2]",
        "x := [1, 2][_]",
        "walk([1, 2], [_, x])",
        "[p, x] := walk([1, 2]); p != []",
        "x := {1, 2}[_]",
    ] {
        let source = format!("package p\n\nbroken := x if {{ {body} }}\n");
        let error = evaluate(&source, "broken").unwrap_err();
        assert!(matches!(error, Error::Evaluation { .. }), "{body}: {error}");
    }
}

fn ask(program: &Program, rule: &str) -> Result<Vec<RuleValue>, Error> {
    let query = |rule: &str| Query {
        package: "p".to_owned(),
        rule: rule.to_owned(),
    };
    program.evaluate(&input(&json!({})), &[query("fine"), query(rule)])
}

#[test]
fn a_rule_that_takes_too_long_is_an_error_that_names_it() {
    let source = r"package p

fine contains 1 if true

slow contains [a, b] if {
	some a in numbers.range(1, 1000)
	some b in numbers.range(1, 1000)
	a * b == -1
}
";
    let policy = policy(source).unwrap();
    let limit = Duration::from_millis(5);
    let program = policy
        .program(&json!({}), &FunctionHost::offline(), limit)
        .unwrap();
    assert!(ask(&program, "fine").is_ok());
    let error = ask(&program, "slow").unwrap_err();
    let Error::Evaluation { rule, cause } = &error else {
        panic!("{error}");
    };
    assert_eq!(rule, "p.slow at p.rego:5");
    assert!(cause.contains("time"), "{cause}");
}

#[test]
fn an_undefined_rule_has_no_result() {
    let given = evaluate("package p\n\nnothing := input.missing\n", "nothing").unwrap();
    assert_eq!(given, []);
}

#[test]
fn a_head_that_is_undefined_takes_no_other_member_along() {
    let source = r#"package p

name(x) := "first" if x == 1

name(x) := "second" if x == 2

items := [{"m": "a"}, {}, {"m": "b"}]

list := ["x"]

call contains name(x) if some x in [1, 2, 3]

braces contains name(x) if {
	some x in [3, 1, 2] # not all
	x > 0 # fine
}

guarded contains item.m if some item in items

walked contains item.m.n if some item in walk(items)

reference contains items[x].m if some x in [0, 1, 2]

no_body contains items[_].m

object contains {
	"msg": name(x),
	"n": x,
} if {
	some x in [1, 2, 3]
}

partial[x] := name(x) if some x in [1, 2, 3]

key[name(x)] := x if some x in [1, 2, 3]

nested[x] contains name(y) if {
	some x in ["g"]
	some y in [1, 2, 3]
}

negated contains name(x) if {
	some x in [1, 2, 3]
	not startswith(name(x), "s")
}

replaced contains name(x) if {
	some x in [1, 2, 3]
	true with input.text as name(1)
}

other(x) := name(x) if x > 0 else := name(x - 2) if {
	x > 1
} else := "else"

otherwise contains other(x) if some x in [1, 2, 3, 5]

plain contains x if some x in [1, 2]

shadowed contains upper(list) if some list in ["y", "z"]

alone contains name(3)

alone contains name(1)
"#;
    let answer = |rule: &str| evaluate(source, rule).unwrap()[0].value.clone();
    let both = json!(["first", "second"]);
    for rule in ["call", "braces"] {
        assert_eq!(answer(rule), both, "{rule}");
    }
    assert_eq!(answer("walked"), json!([]));
    for rule in ["guarded", "reference", "no_body"] {
        assert_eq!(answer(rule), json!(["a", "b"]), "{rule}");
    }
    assert_eq!(
        answer("object"),
        json!([{"msg": "first", "n": 1}, {"msg": "second", "n": 2}])
    );
    assert_eq!(answer("partial"), json!({"1": "first", "2": "second"}));
    assert_eq!(answer("key"), json!({"first": 1, "second": 2}));
    assert_eq!(answer("nested"), json!({"g": ["first", "second"]}));
    assert_eq!(answer("negated"), json!(["first"]));
    assert_eq!(answer("replaced"), both);
    assert_eq!(answer("otherwise"), json!(["else", "first", "second"]));
    assert_eq!(answer("plain"), json!([1, 2]));
    assert_eq!(answer("shadowed"), json!(["Y", "Z"]));
    assert_eq!(answer("alone"), json!(["first"]));
}

#[test]
fn data_can_be_replaced_where_it_is() {
    let answer = |source: &str| {
        let policy = policy(source).unwrap();
        let data = json!({"settings": {"a": 1}, "other": 2});
        let program = policy.compile(&data, &FunctionHost::offline());
        let query = Query {
            package: "p".to_owned(),
            rule: "x".to_owned(),
        };
        let given = program
            .unwrap()
            .evaluate(&input(&json!({})), &[query])
            .unwrap();
        given.into_iter().next().map(|raw| raw.value)
    };
    let replaced = r"package p

read := data.settings.a

x := [read, y] if {
	y := read with data.settings.a as 5
}
";
    assert_eq!(answer(replaced), Some(json!([1, 5])));
    let whole = r#"package p

read := data.settings.a

x := y if y := read with data.settings as {"a": 6}
"#;
    assert_eq!(answer(whole), Some(json!(6)));
}
