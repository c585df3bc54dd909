//! Tests that rules over data alone are evaluated once, and rules over the input for each input.

use serde_json::{Value, json};

use super::module;
use crate::policy::rego::{FunctionHost, Policy, Program, Query};

const LIB: &str = "package lib

limit := data.limits.low + 1

table[name] := size if some name, size in data.sizes

shout(text) := upper(text)

find(name) := size if {
	some key, size in data.sizes
	key == name
}

of_input := input.name
";

fn compiled(modules: &[(&str, &str)]) -> Program {
    let modules = modules.iter().map(|(file, source)| module(file, source));
    let policy = Policy::read(modules.collect()).unwrap();
    let data = json!({"limits": {"low": 1}, "sizes": {"a": 1, "b": 2}});
    policy.compile(&data, &FunctionHost::offline()).unwrap()
}

fn ask(program: &Program, input: &Value) -> Option<Value> {
    let query = Query {
        package: "p".to_owned(),
        rule: "x".to_owned(),
    };
    let given = program.evaluate(&super::input(input), &[query]).unwrap();
    given.into_iter().next().map(|raw| raw.value)
}

#[test]
fn every_input_gets_its_own_answer() {
    let rules = "package p

import data.lib

x := [lib.limit, lib.table[input.name], lib.find(input.name), lib.shout(input.name), lib.of_input]
";
    let program = compiled(&[("lib.rego", LIB), ("p.rego", rules)]);
    for _ in 0..2 {
        for (name, size) in [("a", 1), ("b", 2)] {
            let expected = json!([2, size, size, name.to_uppercase(), name]);
            assert_eq!(ask(&program, &json!({"name": name})), Some(expected));
        }
        assert_eq!(ask(&program, &json!({"name": "c"})), None);
    }
}

#[test]
fn defaults_else_and_several_bodies_keep_their_meaning() {
    let rules = "package p

default fallback := \"none\"

fallback := data.missing.text

names contains name if some name, _ in data.sizes

names contains \"c\" if data.limits.low == 1

kind(name) := \"small\" if {
	data.sizes[name] < 2
} else := \"large\" if {
	data.sizes[name] >= 2
}

kind(name) := \"small\" if {
	name == \"a\"
	data.limits.low
}

at_all if false

at_all if data.limits.low == 7

x := [fallback, names, kind(input.name), object.get({}, \"k\", \"v\")] if not at_all
";
    let program = compiled(&[("p.rego", rules)]);
    for (name, kind) in [("a", "small"), ("b", "large"), ("a", "small")] {
        let expected = json!(["none", ["a", "b", "c"], kind, "v"]);
        assert_eq!(ask(&program, &json!({"name": name})), Some(expected));
    }
}

#[test]
fn two_inputs_do_not_differ_by_the_time() {
    let program = compiled(&[("p.rego", "package p\n\nx := time.now_ns()\n")]);
    let first = ask(&program, &json!({})).unwrap();
    assert!(first.as_i64() > Some(1_600_000_000_000_000_000));
    assert_eq!(ask(&program, &json!({"other": 1})), Some(first));
}

#[test]
fn iterating_over_a_scalar_is_not_an_error() {
    let rules = "package p

x := [found, again] if {
	found := [y | some y in input.value]
	value := input.value
	again := [y | some y in value]
}
";
    let program = compiled(&[("p.rego", rules)]);
    for scalar in [json!(null), json!(true), json!(1.5), json!("text")] {
        let nothing = Some(json!([[], []]));
        assert_eq!(ask(&program, &json!({"value": scalar})), nothing);
    }
    for (value, elements) in [
        (json!([]), json!([])),
        (json!([2, 1]), json!([2, 1])),
        (json!({"k": 3}), json!([3])),
    ] {
        let given = ask(&program, &json!({"value": value}));
        assert_eq!(given, Some(json!([elements, elements])));
    }
}
