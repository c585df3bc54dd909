//! Tests of the parser: places, messages and printed trees.

use super::*;

fn module(body: &str) -> Result<Module, Errors> {
    parse("p.rego", format!("package p\n{body}"))
}

/// Returns the place and the message of the first error.
fn refused(body: &str) -> String {
    match module(body) {
        Ok(_) => panic!("accepted: {body}"),
        Err(Errors(errors)) => {
            let error = errors.first().expect("an error");
            format!(
                "{}:{}: {}",
                error.span.line, error.span.column, error.message
            )
        }
    }
}

/// Prints the body of the only rule.
fn body_of(rule: &str) -> String {
    let module = module(rule).unwrap_or_else(|errors| panic!("{rule}: {errors}"));
    let rule = module.rules.first().expect("a rule");
    rule.body
        .iter()
        .map(display::expr)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn operators_bind_as_in_opa() {
    assert_eq!(
        body_of("p if x == 1 + 2 * 3 | {4} & y"),
        "x == 1 + 2 * 3 | {4} & y"
    );
    let module = module("p if 1 - 2 - 3 == 0").expect("valid");
    let ExprKind::Call(terms) = &module.rules[0].body[0].kind else {
        panic!("no call")
    };
    let TermKind::Call(left) = &terms[1].kind else {
        panic!("no call")
    };
    assert_eq!(display::term(&left[1]), "1 - 2");
}

#[test]
fn braces_are_sets_objects_or_bodies() {
    assert_eq!(body_of("p if {x; y}"), "x; y");
    assert_eq!(body_of("p if {x}"), "x");
    assert_eq!(body_of("p if {x: 1}"), "{x: 1}");
    assert_eq!(body_of("p if {x | y}"), "{x | y}");
    assert_eq!(body_of("p if { z := [x | y, 1] }"), "z := [x | y, 1]");
    assert_eq!(body_of("p if { z := {x: y | y} }"), "z := {x: y | y}");
    assert_eq!(
        body_of("p if { z := {x + 1: y | y} }"),
        "z := {x + 1: y | y}"
    );
}

#[test]
fn keywords_are_names_in_references() {
    assert_eq!(
        body_of("p if input.if == data.x.default"),
        "input.if == data.x.default"
    );
    assert_eq!(body_of("p if not.x"), "not.x");
    assert!(module("default.x if true").is_ok());
    assert!(module("import data.if as x\np := x").is_ok());
    assert_eq!(
        refused("import data.if"),
        "2:13: unexpected import path, must not end with a keyword, got: if (hint: import a different path or use an alias)"
    );
}

#[test]
fn logic_needs_its_imports() {
    let future = "import future.keywords.or\nimport future.keywords.not\n";
    let body = body_of(&format!(
        "{future}p if input.a or not {{ input.b; input.c }}"
    ));
    assert_eq!(body, "{ input.a } or { not { input.b; input.c } }");
    assert!(module("p if input.a or input.b").is_err());
    assert!(module("import future.keywords.nothing").is_err());
}

#[test]
fn template_strings_have_parts() {
    assert_eq!(
        body_of("p if x == $\"a {1 + 2} \\{b} {f({\"k\": 1})}!\""),
        "x == $\"a {1 + 2} {b} {f({\"k\": 1})}!\""
    );
    assert_eq!(body_of("p if x == $`a\n{y}`"), "x == $\"a\n{y}\"");
    assert_eq!(
        refused("p if x == $\"{y = 1}\""),
        "2:14: unexpected unification ('=') in template-string expression"
    );
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert!(parse("p.rego", "\u{feff}package p\n").is_ok());
}

#[test]
fn rego_v0_is_refused() {
    assert_eq!(
        refused("p { true }"),
        "2:1: `if` keyword is required before rule body"
    );
    assert_eq!(
        refused("p[x] := 1 { x := 1 }"),
        "2:1: `if` keyword is required before rule body"
    );
    assert_eq!(
        refused("p.x"),
        "2:1: rule must have value assignment and/or body declaration"
    );
}

#[test]
fn depth_has_a_limit() {
    for (open, inner, close) in [
        ("[", "1", "]"),
        ("{\"a\": ", "1", "}"),
        ("{", "1", "}"),
        ("(", "1", ")"),
        ("f(", "1", ")"),
        ("[1 | ", "true", "]"),
        ("-", "x", ""),
        ("x + ", "1", ""),
        ("not {", "x", "}"),
        ("{1 | ", "true", "}"),
        ("every x in [1] {", "x", "}"),
        ("{1: 1 | ", "true", "}"),
        ("$\"{", "1", "}\""),
        ("x[", "1", "]"),
    ] {
        for levels in [20, 200, 10_000] {
            let text = format!(
                "import future.keywords\np if {}{inner}{}",
                open.repeat(levels),
                close.repeat(levels)
            );
            let result = module(&text);
            if levels == 20 && open != "-" {
                result.unwrap_or_else(|errors| panic!("{open}: {errors}"));
            } else if levels == 10_000 {
                assert!(result.is_err(), "{open}");
            }
        }
    }
}
