//! Rules that OPA's index skips, its early exit and its comprehension index: all of them decide which errors occur.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use rego::builtins::offered;
use rego::eval::EvalCode;
use rego::{Options, Program, Session, Value};

const INPUT: &str = r#"{"a": "x", "list": ["x", "y"], "object": {"k": 1}, "path": "a/b"}"#;

/// Returns the value of `data.p.r`, or the code of the error.
fn ask(body: &str) -> Result<Option<String>, EvalCode> {
    let module = rego::parse("p.rego", format!("package p\n{body}\n")).unwrap();
    let registry = offered();
    let compiled = rego::compile(vec![module], &Options::new(&registry)).unwrap();
    let program = Program::new(&compiled, &registry, &[]).unwrap();
    let data = r#"{"base": {"text": "x", "list": ["x", "y"]}}"#;
    let program = program.with_data(Value::from_json(data).unwrap());
    let mut session = Session::new(&program, Some(Value::from_json(INPUT).unwrap()));
    match session.document(&["p", "r"]) {
        Ok(answer) => Ok(answer.value.map(|value| value.to_json())),
        Err(error) => Err(error.code),
    }
}

/// An object with two values for one key.
const CONFLICT: &str = "o := {k: v | some k in [\"k\"]; some v in [1, 2]}";

fn rule(condition: &str) -> Result<Option<String>, EvalCode> {
    ask(&format!(
        "r contains 1 if {{\n\t{CONFLICT}\n\to\n\t{condition}\n}}"
    ))
}

#[test]
fn a_rule_that_the_index_skips_does_not_fail() {
    let skipped = [
        "input.gone",
        "input.gone == 1",
        "x := input.gone",
        "input.a == \"y\"",
        "x := input.a\n\tx == \"y\"",
        "input.a in {\"y\", \"z\"}",
        "\"z\" in input.list",
        "input.list[_] == \"z\"",
        "input.list = [\"x\", _, _]",
        "glob.match(\"a/c\", [\"/\"], input.path)",
        "glob.match(\"*/c\", [\"/\"], input.path)",
    ];
    for condition in skipped {
        assert_eq!(rule(condition), Ok(Some("[]".to_owned())), "{condition}");
    }
}

#[test]
fn a_rule_that_the_index_does_not_skip_fails() {
    let evaluated = [
        "input.a",
        "input.a == \"x\"",
        "input.a in {\"x\", \"z\"}",
        "\"x\" in input.list",
        "input.list[_] == \"y\"",
        "input.list = [\"x\", _]",
        "glob.match(\"*/b\", [\"/\"], input.path)",
        "glob.match(\"a?c\", [\"/\"], input.path)",
        "not input.a",
        "input.a == \"y\" with input.b as 1",
        "startswith(input.a, \"y\")",
        "data.p.gone",
    ];
    for condition in evaluated {
        let wanted = match condition {
            // A base document that is not there.
            "data.p.gone" => rule("data.p.gone"),
            _ => Err(EvalCode::Conflict),
        };
        assert_eq!(rule(condition), wanted, "{condition}");
    }
}

#[test]
fn arguments_select_the_clauses_of_a_function() {
    let function = |arg: &str| {
        let conflict = CONFLICT.replace('\n', " ");
        ask(&format!(
            "f(x) := 1 if {{ x == \"a\"; {conflict}; o }}\nf(x) := 2 if x == \"b\"\nr := f({arg})"
        ))
    };
    assert_eq!(function("\"b\""), Ok(Some("2".to_owned())));
    assert_eq!(function("\"a\""), Err(EvalCode::Conflict));
    assert_eq!(function("\"c\""), Ok(None));
}

#[test]
fn the_first_value_ends_a_rule_only_if_all_clauses_have_it() {
    let conflict = CONFLICT.replace('\n', " ");
    let two = |value: &str| {
        ask(&format!(
            "r := 1 if {{ input.a }}\nr := {value} if {{ input.a; {conflict}; o }}"
        ))
    };
    assert_eq!(two("1"), Ok(Some("1".to_owned())));
    assert_eq!(two("2"), Err(EvalCode::Conflict));
}

#[test]
fn a_comprehension_is_not_evaluated_for_a_value_of_another_kind() {
    let equal = |left: &str, right: &str| {
        ask(&format!(
            "r if {{ x := input.list; x != 1; {left} == {right} }}"
        ))
    };
    let comprehension = "{k: v | some k in [\"k\"]; some v in [1, 2]}";
    assert_eq!(equal("input.a", comprehension), Ok(None));
    assert_eq!(equal(comprehension, "input.list"), Ok(None));
    assert_eq!(
        equal("input.object", comprehension),
        Err(EvalCode::Conflict)
    );
    assert_eq!(equal("x", comprehension), Ok(None));
    assert_eq!(equal(comprehension, "x"), Err(EvalCode::Conflict));
}

#[test]
fn a_comprehension_is_evaluated_for_a_base_document_of_any_kind() {
    let comprehension = "{k: v | some k in [\"k\"]; some v in [1, 2]}";
    let equal =
        |left: &str, right: &str, more: &str| ask(&format!("r if {{ {left} == {right} }}\n{more}"));
    for base in ["data.base.text", "data.base.list[_]", "data.base"] {
        for (left, right) in [(base, comprehension), (comprehension, base)] {
            let found = equal(left, right, "");
            assert_eq!(found, Err(EvalCode::Conflict), "{left} == {right}");
        }
    }
    assert_eq!(equal("data.base.gone", comprehension, ""), Ok(None));
    assert_eq!(equal("data.base.gone[_]", comprehension, ""), Ok(None));
    // The value of a rule is compared as one of the input.
    let rule = "text := input.a";
    assert_eq!(equal("data.p.text", comprehension, rule), Ok(None));
    let replaced = format!("{comprehension} with data.p.text as \"y\"");
    assert_eq!(
        equal("data.p.text", &replaced, rule),
        Err(EvalCode::Conflict)
    );
}

#[test]
fn an_indexed_comprehension_fails_where_an_operand_is_not_bound() {
    let with = |body: &str| {
        ask(&format!(
            "r := xs if {{ some y in [1, 2]; y == 1; xs := [1 | {body}] }}"
        ))
    };
    let early = "input.object[_] == y - 0; y = input.object[_]";
    let late = "y = input.object[_]; input.object[_] == y - 0";
    let never = format!("input.gone; {early}");
    assert_eq!(with(early), Err(EvalCode::Internal));
    assert_eq!(with(late), Ok(Some("[1]".to_owned())));
    assert_eq!(with(&never), Ok(Some("[]".to_owned())));
}

#[test]
fn a_nested_body_that_opa_evaluates_without_a_variable_is_refused() {
    let compile = |condition: &str| {
        let text = format!(
            "package p\nr := xs if {{ some y in [1]; some z in input.list; xs := [1 | y = input.object[_]; {condition}] }}\n"
        );
        let module = rego::parse("p.rego", text).unwrap();
        rego::compile(vec![module], &Options::new(&offered())).map(|_| ())
    };
    let errors = compile("every e in [1] { e == z }")
        .unwrap_err()
        .to_string();
    assert!(
        errors.contains("var z is used in a nested body"),
        "{errors}"
    );
    for condition in ["z; z = input.list[_]", "not z.a; z = input.list[_]"] {
        let errors = compile(condition).unwrap_err().to_string();
        assert!(
            errors.contains("var z is used in a nested body"),
            "{condition}: {errors}"
        );
    }
    // OPA evaluates these again with the variable.
    assert_eq!(compile("not z; z = input.list[_]"), Ok(()));
    assert_eq!(compile("z.a; z = input.list[_]"), Ok(()));
    assert_eq!(compile("every e in [1] { e == y }"), Ok(()));
    assert_eq!(compile("every e in [1] { e == 2 }"), Ok(()));
}

#[test]
fn with_replaces_operators() {
    assert_eq!(ask("r if { 1 < 2 with lt as false }"), Ok(None));
    assert_eq!(
        ask("r if { 1 < 2 with gt as false }"),
        Ok(Some("true".to_owned()))
    );
    assert_eq!(
        ask("r := x if { x := 1 + 2 with plus as 7 }"),
        Ok(Some("7".to_owned()))
    );
    assert_eq!(
        ask("f(a, b) := a > b\nr if { 1 < 2 with lt as f }"),
        Ok(None)
    );
}
