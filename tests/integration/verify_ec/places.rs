//! The file and line of a rule in reports and lists, and what `policy list` refuses.

use serde_json::Value;

use super::attested_release;

const RULES: &str = "package main

# METADATA
# title: Denies
# custom:
#   short_name: denies
deny contains \"no\" if input.image.ref

# METADATA
# title: Warns
# custom:
#   short_name: warns
warn contains \"perhaps\" if {
\tinput.image.ref
}
";

#[test]
fn a_violation_names_the_file_and_line_of_its_rule() {
    let scene = attested_release();
    scene.dir.write("rules/a.rego", RULES);
    let outputs = ["text=o.txt", "json=o.json", "yaml=o.yaml", "html=o.html"];
    let mut flags = vec!["--policy", "rules"];
    for output in &outputs {
        flags.extend(["--output", output]);
    }
    scene.verify_images(&flags).exits(4);
    let places = [
        ("violations", "rules/a.rego", 7),
        ("warnings", "rules/a.rego", 13),
    ];
    for file in ["o.txt", "o.html", "o.yaml", "o.json"] {
        let report = scene.dir.read(file);
        for (kind, path, line) in places {
            let shown = match file {
                "o.txt" => report.contains(&format!("Rule: {path}:{line}\n")),
                "o.html" => report.contains(&format!("{path}:{line}<")),
                "o.yaml" => {
                    report.contains(&format!("file: {path}\n"))
                        && report.contains(&format!("line: {line}\n"))
                }
                _ => {
                    let report: Value = serde_json::from_str(&report).unwrap();
                    let found = &report["components"][0][kind][0]["location"];
                    *found == serde_json::json!({"file": path, "line": line})
                }
            };
            assert!(shown, "{file} does not name {path}:{line}:\n{report}");
        }
    }
    let list = scene.dir.promote(&["policy", "list", "rules"]).exits(0);
    assert_eq!(
        list.stdout,
        r"main.denies (deny)
  Denies
  rules/a.rego:7
main.warns (warn)
  Warns
  rules/a.rego:13
"
    );
    let list = scene
        .dir
        .promote(&["policy", "list", "rules", "--output", "json"]);
    let list: Value = serde_json::from_str(&list.exits(0).stdout).unwrap();
    for (at, (_, file, line)) in places.into_iter().enumerate() {
        assert_eq!(
            (&list[at]["file"], &list[at]["line"]),
            (&file.into(), &line.into())
        );
    }
}

/// Policies that cannot be loaded, with a part of what is said.
const REFUSED: [(&str, &str); 12] = [
    (
        "package a\n\ndeny contains \"x\" if {\n",
        "rego_parse_error",
    ),
    (
        "package a\n\ndeny contains x if y > 1\n",
        "rego_unsafe_var_error",
    ),
    (
        "package a\n\ndeny contains x if x := nosuch.f(1)\n",
        "undefined function nosuch.f",
    ),
    (
        "package a\n\ndeny contains \"x\" if count(1) == 1\n",
        "rego_type_error",
    ),
    (
        "package a\n\ndeny contains x if x := startswith(\"x\")\n",
        "rego_type_error",
    ),
    (
        r#"package a

deny contains "x" if ok

ok if data.a.deny
"#,
        "rego_recursion_error",
    ),
    (
        "package a\n\ndeny contains x if x := http.send({})\n",
        "function http.send is not available",
    ),
    (
        "package a\n\ndeny contains x if x := opa.runtime().env\n",
        "function opa.runtime is not available",
    ),
    ("package a\n\ndeny := true\n", "a boolean"),
    (
        r#"package a

f(x) := 1

f := 2

deny contains "x" if f(1)
"#,
        "rego_type_error",
    ),
    (
        r#"package a

# METADATA
# custom:
#   short_name: s
deny contains "x" if input.y

# METADATA
# custom:
#   short_name: s
deny contains "y" if input.y
"#,
        "code a.s is already used at",
    ),
    (
        "package a[\"b.c\"]\n\ndeny contains \"x\" if input.y\n",
        "part with a dot",
    ),
];

#[test]
fn policy_list_refuses_what_verify_ec_refuses() {
    let scene = attested_release();
    let run = |text: &str, code: i32| {
        scene.dir.write("rules/a.rego", text);
        let verify = scene.verify_images(&["--policy", "rules"]).exits(code);
        let list = scene.dir.promote(&["policy", "list", "rules"]).exits(code);
        (verify, list)
    };
    for (text, said) in REFUSED {
        let (verify, list) = run(text, 2);
        verify.says(said);
        list.says(said);
    }
    run(
        r#"package a

# METADATA
# custom:
#   short_name: s
deny contains "x" if input.absent
"#,
        0,
    );
}
