//! Language, `with`, limits and reads of facts, on small modules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Answer, EvalCode, EvalError, Fact, Limits, Program, Session};
use crate::builtins::{self, BuiltinError, Registry};
use crate::signature::{Declaration, Type};
use crate::{Options, Value};

const LOOKUP: Declaration = Declaration::new("host.lookup", &[Type::String], Type::Any);

fn registry() -> Registry {
    let mut registry = builtins::offered();
    registry.add_host(
        LOOKUP,
        Arc::new(
            |_, operands| match operands.first().and_then(Value::as_str) {
                Some("there") => Ok(Value::from("found")),
                Some("broken") => Err(BuiltinError::Unreadable("503".to_owned())),
                Some("fatal") => Err(BuiltinError::Halt("out of budget".to_owned())),
                Some("panic") => panic!("in a test"),
                _ => Err(BuiltinError::Undefined),
            },
        ),
    );
    registry
}

fn watched() -> Vec<Fact> {
    ["input.image.config", "input.image.parent", "data.lists"]
        .iter()
        .filter_map(|f| Fact::new(f))
        .collect()
}

fn program(modules: &[&str]) -> Program {
    let modules = modules.iter().enumerate().map(|(at, text)| {
        crate::parse(format!("m{at}.rego"), *text).unwrap_or_else(|error| panic!("{error}"))
    });
    let options = Options {
        print: true,
        ..Options::new(&registry())
    };
    let compiled =
        crate::compile(modules.collect(), &options).unwrap_or_else(|error| panic!("{error}"));
    Program::new(&compiled, &registry(), &watched()).unwrap_or_else(|error| panic!("{error}"))
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn ask(program: &Program, input: &str, path: &str) -> Result<Answer<Option<Value>>, EvalError> {
    let mut session = Session::new(program, Some(json(input)));
    session.document(&path.split('.').collect::<Vec<_>>())
}

/// Evaluates `data.p` of one module, as JSON.
fn value(module: &str, input: &str) -> String {
    match ask(&program(&[&format!("package p\n{module}")]), input, "p") {
        Ok(answer) => answer
            .value
            .map_or("undefined".to_owned(), |value| value.to_json()),
        Err(error) => format!("{} at line {}", error.code.as_str(), error.line),
    }
}

#[test]
fn rules_of_every_kind_have_values() {
    let module = r#"
        a := 1
        b if input.x > 1
        default c := "no"
        c := "yes" if input.x == 7
        d contains v if some v in input.list
        e[k] := v if some k, v in input.list
        f[k][l] contains v if { some k, l in input.list; v := l + 1 }
        g(x) := x + 1
        h := g(2)
        i := 1 if { input.x == 8 } else := 2 if { input.x == 7 } else := 3
        j.k.l := true
    "#;
    assert_eq!(
        value(module, r#"{"x": 7, "list": [5, 6]}"#),
        r#"{"a":1,"b":true,"c":"yes","d":[5,6],"e":{"0":5,"1":6},"f":{"0":{"5":[6]},"1":{"6":[7]}},"h":3,"i":2,"j":{"k":{"l":true}}}"#
    );
    assert_eq!(
        value(module, r#"{"x": 1}"#),
        r#"{"a":1,"c":"no","d":[],"e":{},"f":{},"h":3,"i":3,"j":{"k":{"l":true}}}"#
    );
}

#[test]
fn conflicts_are_errors_at_the_rule() {
    assert_eq!(
        value("a := 1\na := 2", "{}"),
        "eval_conflict_error at line 3"
    );
    assert_eq!(
        value("f(_) := 1\nf(_) := 2\na := f(1)", "{}"),
        "eval_conflict_error at line 3"
    );
    assert_eq!(
        value("a[1] := v if some v in [1, 2]", "{}"),
        "eval_conflict_error at line 2"
    );
    let twice = "a := {k: v | some k in [1]; some v in [1, 2]}";
    assert_eq!(value(twice, "{}"), "eval_conflict_error at line 2");
    // One member is looked up, another one has the conflict.
    let module =
        "a[1] := 1\na[k] := v if { some k, v in [[2, 2], [2, 3]] }\nb := a[0]\nq := data.r.x";
    let other = program(&[
        &format!("package r\n{module}\nc if a[9]"),
        "package p\nx if not data.r.c",
    ]);
    assert_eq!(
        ask(&other, "{}", "p.x").map(|answer| answer.value),
        Ok(Some(Value::Bool(true)))
    );
}

#[test]
fn unification_takes_values_apart_exactly() {
    let module = r#"
        a := [x, y] if [x, {"k": y}] = [1, input.o]
        b if {"k": _} = input.o
        c if {"k": _, "l": _} = input.o
        d := x if [x, x] = [input.x, input.y]
        e := {i | input.list[i] = input.list[j]; i != j}
        f := [p, v] if { walk(input.o, [p, v]); v == 3 }
        g if every v in input.list { v > 4 }
        h if not input.nothing
    "#;
    let input = r#"{"o": {"k": 3}, "x": 1, "y": 1.0, "list": [5, 6, 5]}"#;
    assert_eq!(
        value(module, input),
        r#"{"a":[1,3],"b":true,"d":1,"e":[0,2],"f":[["k"],3],"g":true,"h":true}"#
    );
}

#[test]
fn with_replaces_documents_rules_and_functions_everywhere() {
    let module = r#"
        inner := input.x
        r := input.x + 1
        s := data.base.v
        f(x) := x + 1
        g(x) := f(x) * 10
        mock(_) := 41
        a := v if v := r with input.x as 4
        b := v if v := s with data.base.v as "other"
        c := v if v := g(1) with f as mock
        d := v if v := g(1) with f as 2
        e := v if v := count([1]) with count as 9
        h := v if v := s with data.p.s as "rule"
        i := v if v := data.p.r with data.p.r as 5 with input.x as 2
        j := [x | x := r with input.x as 7]
        k := [y, r] if { y := r with input.x as 8 }
        l := v if v := upper("x") with upper as lower
        m if { not r == 3 with input.x as 3 }
        n := v if v := data.base with data.base.w as 1
    "#;
    let program =
        program(&[&format!("package p\n{module}")]).with_data(json(r#"{"base": {"v": "real"}}"#));
    let answer = ask(&program, r#"{"x": 1}"#, "p").map(|answer| answer.value.map(|v| v.to_json()));
    assert_eq!(
        answer,
        Ok(Some(r#"{"a":5,"b":"other","c":410,"d":20,"e":9,"h":"rule","i":5,"inner":1,"j":[8],"k":[9,2],"l":"x","m":true,"n":{"v":"real","w":1},"r":2,"s":"real"}"#.to_owned()))
    );
}

#[test]
fn base_documents_and_rules_are_one_document() {
    let program = program(&[
        "package a.b\nc := 1\nd(x) := x",
        "package q\nx := data.a\ny := {k | data.a[k]}\nz := {v | v := data.a.b[_]}",
    ])
    .with_data(json(r#"{"a": {"b": {"e": 2}, "f": 3}}"#));
    let answer = ask(&program, "{}", "q").map(|answer| answer.value.map(|v| v.to_json()));
    assert_eq!(
        answer,
        Ok(Some(
            r#"{"x":{"b":{"c":1,"e":2},"f":3},"y":["b","f"],"z":[1,2]}"#.to_owned()
        ))
    );
}

#[test]
fn the_host_learns_what_was_read() -> Result<(), EvalError> {
    let program = program(&[r#"package p
        a if input.image.config.User
        b if input.name
        c if { x := input.image; x.ref }
        d if a
        e := host.lookup("there")
        f := host.lookup("broken")
        g if not f
        h := data.lists.allowed
    "#]);
    let input = r#"{"image": {"config": {"User": "1"}, "ref": "r"}, "name": "n"}"#;
    let mut session = Session::new(&program, Some(json(input)));
    let mut read = |rule: &str| session.document(&["p", rule]);
    assert_eq!(read("a")?.read, [0]);
    assert_eq!(read("b")?.read, [0usize; 0]);
    assert_eq!(read("c")?.read, [0, 1]);
    assert_eq!(
        read("d")?.read,
        [0],
        "a known result rests on the same facts"
    );
    assert_eq!(read("h")?.read, [2]);
    assert!(!read("e")?.unreadable);
    let answer = read("g")?;
    assert!(answer.unreadable && answer.value == Some(Value::Bool(true)));
    assert_eq!(
        session
            .unreadable()
            .iter()
            .map(|u| u.line)
            .collect::<Vec<_>>(),
        [7]
    );
    let config = &watched()[0];
    assert_eq!(program.refers_to(&["p", "d"], config), Some(true));
    assert_eq!(program.refers_to(&["p", "b"], config), Some(false));
    assert_eq!(program.refers_to(&["p", "x"], config), None);
    Ok(())
}

#[test]
fn limits_end_an_evaluation_and_name_the_rule() {
    let program = program(&["package p
        steps if { some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i + j < 0 }
        size := [x | some x in numbers.range(1, 10000)]
        fatal := host.lookup(\"fatal\")
    "]);
    let run = |limits: Limits, rule: &str| {
        let mut session = Session::new(&program, None).with_limits(limits);
        session
            .document(&["p", rule])
            .map(|_| ())
            .map_err(|error| (error.code, error.rule.to_string()))
    };
    let limit = Err((EvalCode::Limit, "data.p.steps".to_owned()));
    let steps = Limits {
        steps: 5000,
        ..Limits::default()
    };
    assert_eq!(run(steps, "steps"), limit);
    let deadline = Limits {
        deadline: Some(Instant::now() + Duration::from_millis(50)),
        ..Limits::default()
    };
    assert_eq!(run(deadline, "steps"), limit);
    let cancel = Arc::new(AtomicBool::new(false));
    cancel.store(true, Ordering::Relaxed);
    let cancelled = Err((EvalCode::Cancelled, "data.p.steps".to_owned()));
    let cancel = Limits {
        cancel: Some(cancel),
        ..Limits::default()
    };
    assert_eq!(run(cancel, "steps"), cancelled);
    let limit = Err((EvalCode::Limit, "data.p.size".to_owned()));
    let memory = Limits {
        memory: 10_000,
        ..Limits::default()
    };
    assert_eq!(run(memory, "size"), limit);
    assert_eq!(run(Limits::default(), "size"), Ok(()));
    assert_eq!(
        run(Limits::default(), "fatal"),
        Err((EvalCode::Builtin, "data.p.fatal".to_owned()))
    );
}

#[test]
fn a_panic_of_a_function_is_an_error() {
    let program = program(&["package p\na := host.lookup(\"panic\")\nb := 1"]);
    let mut session = Session::new(&program, None);
    let code = session.document(&["p", "a"]).map_err(|error| error.code);
    assert_eq!(code, Err(EvalCode::Internal));
    let next = session.document(&["p", "b"]).map(|answer| answer.value);
    assert_eq!(next, Ok(Some(Value::from(1i64))));
}

#[test]
fn long_chains_of_functions_end_with_a_value_or_an_error() {
    let chain = |length: usize| {
        let mut module = String::from("package p\nf0(x) := x\n");
        for at in 1..=length {
            module.push_str(&format!("f{at}(x) := f{}(x)\n", at - 1));
        }
        module.push_str(&format!("a := f{length}(1)\n"));
        ask(&program(&[&module]), "{}", "p.a")
            .map(|answer| answer.value)
            .map_err(|error| error.code)
    };
    assert_eq!(chain(1000), Ok(Some(Value::from(1i64))));
    assert_eq!(chain(20_000), Err(EvalCode::Limit));
    // Recursion through a path that only becomes known when it is evaluated.
    let module = "package p\na := data[input.package].a";
    let module = crate::parse("p.rego".to_owned(), module).unwrap();
    let refused = crate::compile(vec![module], &Options::new(&registry()));
    assert!(refused.is_err());
}

#[test]
fn print_writes_undefined_operands_too() {
    let program = program(&["package p\na if print(\"x\", input.nothing, [1])"]);
    let mut session = Session::new(&program, Some(json("{}")));
    assert!(session.document(&["p", "a"]).is_ok());
    let printed: Vec<_> = session
        .printed()
        .into_iter()
        .map(|line| (line.text, line.line))
        .collect();
    assert_eq!(printed, [("x <undefined> [1]".to_owned(), 2)]);
}

#[test]
fn a_failing_rule_shows_the_expression_and_its_variables() {
    let program = program(&[r"package p
test_a if {
	x := input.v
	y := x + 1
	y == 3
}"]);
    let mut session = Session::new(&program, Some(json(r#"{"v": 1}"#))).traced();
    assert_eq!(
        session
            .document(&["p", "test_a"])
            .map(|answer| answer.value),
        Ok(None)
    );
    let failure = session
        .failure()
        .map(|failure| (failure.line, failure.variables));
    let bindings = vec![
        (Arc::from("x"), Value::from(1i64)),
        (Arc::from("y"), Value::from(2i64)),
    ];
    assert_eq!(failure, Some((5, bindings)));
    assert_eq!(
        session.visited()[0].1.iter().copied().collect::<Vec<_>>(),
        [3, 4, 5]
    );
}

#[test]
fn an_element_of_a_set_is_the_key_of_the_reference() {
    let module = r"
        s contains 1
        s contains 2
        listed := [x | x := s[1.0]]
        literal := {1}[1.0]
        nested := {1: {2}}[1.0][2.0]
        found := x if { some k in [1.0, 3]; x := s[k] }
        through := data.p.s[2.0]
        absent := [x | x := s[3.0]]
    ";
    assert_eq!(
        value(module, "{}"),
        r#"{"absent":[],"found":1.0,"listed":[1.0],"literal":1.0,"nested":2.0,"s":[1,2],"through":2.0}"#
    );
}
