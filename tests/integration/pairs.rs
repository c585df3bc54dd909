//! `ec` and `verify-ec --compat` beside `verify-ec` on small policies: wherever one of them passes an image that
//! `verify-ec` refuses, a warning says why.

use crate::harness::{Run, Scene};

/// One policy for both fronts.
struct Pair {
    name: &'static str,
    /// The rules in `rules/a.rego`.
    rules: String,
    /// Members of the configuration's group besides its policy, as YAML in one line.
    group: String,
    /// The whole configuration in place of that; `DIR` is the directory of the test.
    whole: Option<String>,
    /// Flags of both.
    flags: &'static [&'static str],
    /// Exit codes of `ec` and of `verify-ec`.
    codes: (i32, i32),
    /// A part of the warning that names why, where `ec` passes and `verify-ec` refuses.
    why: &'static str,
}

const METADATA: &str = r"# METADATA
# title: T
# custom:
#   short_name: x
";

fn module(package: &str, body: &str) -> String {
    format!(
        r"package {package}

import rego.v1

{body}
"
    )
}

/// A rule `main.x` that refuses every image.
fn refusing() -> String {
    module(
        "main",
        &format!("{METADATA}deny contains {{\"msg\": \"no\", \"code\": \"main.x\"}}"),
    )
}

/// A rule `main.x` that refuses none.
fn passing() -> String {
    refusing().replace("\"main.x\"}", "\"main.x\"} if input.nope")
}

fn pair(name: &'static str, rules: String, codes: (i32, i32)) -> Pair {
    Pair {
        name,
        rules,
        group: String::new(),
        whole: None,
        flags: &[],
        codes,
        why: "",
    }
}

/// A rule with this value.
fn gives(name: &'static str, rule: &str, codes: (i32, i32)) -> Pair {
    pair(name, module("main", rule), codes)
}

impl Pair {
    fn group(mut self, text: &str) -> Self {
        self.group = format!(", {text}");
        self
    }

    fn whole(mut self, text: &str) -> Self {
        self.whole = Some(text.to_owned());
        self
    }

    fn flags(mut self, flags: &'static [&'static str]) -> Self {
        self.flags = flags;
        self
    }

    fn because(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }
}

/// An exclude of `main.x` with a scope or a time.
fn volatile(name: &'static str, entry: &str, codes: (i32, i32)) -> Pair {
    let text = format!("volatileConfig: {{exclude: [{{value: main.x{entry}}}]}}");
    pair(name, [refusing(), sibling()].concat(), codes).group(&text)
}

/// A second rule, so that something passes when the first one is let off.
fn sibling() -> String {
    format!(
        "\n{}deny contains {{\"msg\": \"y\", \"code\": \"main.y\"}} if input.nope\n",
        METADATA.replace("short_name: x", "short_name: y")
    )
}

/// Parts of a configuration: sources, criteria, times.
fn configurations() -> Vec<Pair> {
    let zeros = "0000000000000000000000000000000000000000000000000000000000000000";
    let other = format!(", imageDigest: 'sha256:{zeros}'");
    let reference = format!(", imageRef: 'sha256:{zeros}'");
    let empty = "the policy has no sources";
    vec![
        pair("passes", passing(), (0, 0)),
        pair("refuses", refusing(), (1, 4)),
        pair("no configuration", passing(), (0, 2)).whole("{}").because(empty),
        pair("no sources", passing(), (0, 2)).whole("{\"sources\": []}").because(empty),
        pair("sources null", passing(), (0, 2)).whole("{\"sources\": null}").because(empty),
        pair("only a name", passing(), (0, 2)).whole("{\"name\": \"empty\"}").because(empty),
        pair("an empty resource", passing(), (0, 2))
            .whole("{\"apiVersion\": \"appstudio.redhat.com/v1alpha1\", \"kind\": \"EnterpriseContractPolicy\", \"spec\": {}}")
            .because(empty),
        pair("a group without a policy", passing(), (1, 2)).whole("{\"sources\": [{\"data\": [\"DIR/rules\"]}]}"),
        pair("an empty list of policies", passing(), (1, 2)).whole("{\"sources\": [{\"policy\": []}]}"),
        pair("local paths in a text", passing(), (0, 2))
            .whole("{\"sources\": [{\"policy\": [\"DIR/rules\"]}]}")
            .because("a local path is taken only from a configuration that is a local file"),
        pair("an include that names nothing", passing(), (1, 2)).group("config: {include: [nope]}"),
        pair("an include of the package", refusing(), (1, 4)).group("config: {include: [main]}"),
        pair("an include of the rule", refusing(), (1, 4)).group("config: {include: [main.x]}"),
        pair("an include of a collection that no rule has", passing(), (1, 2)).group("config: {include: ['@nope']}"),
        pair("an exclude of everything", refusing(), (1, 2)).group("config: {exclude: ['*']}"),
        pair("an exclude of another rule", refusing(), (1, 4)).group("config: {exclude: [main.other]}"),
        pair("a text that refuses", refusing(), (1, 2))
            .whole("{\"sources\": [{\"policy\": [\"DIR/rules\"]}], \"configuration\": {\"include\": [\"main\"]}}"),
        volatile("an exclude without a time", "", (0, 0)),
        volatile("an exclude that is over", ", effectiveUntil: '2020-01-01T00:00:00Z'", (1, 4)),
        volatile("an exclude that begins later", ", effectiveOn: '2098-01-01'", (1, 4)),
        volatile("an exclude with a wrong end", ", effectiveUntil: never", (1, 2)),
        volatile("an exclude with a wrong start", ", effectiveOn: soon", (1, 2)),
        volatile("an exclude for another digest", &other, (1, 4)),
        volatile("an exclude for another reference", &reference, (1, 4)),
        volatile("an exclude for a prefix of the repository", ", imageUrl: '127.0.0.1/acme/we'", (1, 4)),
        volatile("an exclude for a host", ", imageUrl: '127.0.0.1'", (1, 4)),
        volatile("an exclude for another component", ", componentNames: [x]", (1, 4)),
        volatile("an exclude for no component", ", componentNames: []", (0, 0)),
        pair("an exclude in capitals", refusing(), (1, 4)).group("volatileConfig: {exclude: [{value: MAIN.X}]}"),
        pair("an exclude of a package's rules", refusing(), (0, 0)).group("volatileConfig: {exclude: [{value: main.*}]}"),
        pair("two scopes", refusing(), (1, 2))
            .group("volatileConfig: {exclude: [{value: main.x, imageUrl: 'r.example/a', componentNames: [c]}]}"),
    ]
}

/// Values of rules.
fn results() -> Vec<Pair> {
    let future = "deny contains {\"msg\": \"no\", \"code\": \"a.b\", \"effective_on\": \"2099-01-01T00:00:00Z\"}";
    vec![
        pair(
            "a package without rules that give results",
            module("main", "x := 1"),
            (0, 0),
        ),
        gives("a message", "deny contains \"no\"", (1, 4)),
        gives(
            "a rule without METADATA that passes",
            "deny contains \"no\" if input.nope",
            (0, 0),
        ),
        gives(
            "an object in place of a set",
            "deny := {\"msg\": \"no\"}",
            (1, 2),
        ),
        gives("a boolean", "deny := true", (1, 2)),
        gives("a text", "deny := \"no\"", (1, 2)),
        gives("a list", "deny := [\"no\"]", (1, 4)),
        gives("a number in a set", "deny contains 7", (1, 2)),
        gives("a suffix", "deny_x contains \"no\"", (1, 4)),
        gives(
            "a violation",
            "violation contains {\"msg\": \"no\"}",
            (1, 4),
        ),
        gives(
            "a result without msg",
            "deny contains {\"code\": \"a.b\"}",
            (1, 2),
        ),
        gives(
            "a msg that is a number",
            "deny contains {\"msg\": 5, \"code\": \"a.b\"}",
            (1, 2),
        ),
        gives("a date to come", future, (0, 0)),
        gives(
            "a date that is not one",
            &future.replace("2099-01-01T00:00:00Z", "soon"),
            (1, 4),
        ),
        gives(
            "a date without a time",
            &future.replace("2099-01-01T00:00:00Z", "2099-01-01"),
            (1, 4),
        ),
        gives(
            "a date with an offset",
            &future.replace("00:00:00Z", "00:00:00+01:00"),
            (1, 4),
        ),
        gives(
            "a severity",
            "deny contains {\"msg\": \"no\", \"severity\": \"warning\"}",
            (0, 0),
        ),
        gives(
            "a warning that fails",
            "warn contains {\"msg\": \"no\", \"severity\": \"failure\"}",
            (1, 4),
        ),
        gives("a warning", "warn contains \"soon\"", (0, 0)),
        gives(
            "recursion",
            "f(x) := f(x + 1)\n\ndeny contains \"no\" if f(0) == 1",
            (1, 2),
        ),
        gives(
            "an unknown function",
            "deny contains \"no\" if nosuch(1)",
            (1, 2),
        ),
        gives(
            "a function that is not offered",
            "deny contains \"no\" if http.send({})",
            (1, 2),
        ),
        gives(
            "a conflict",
            r#"y := 1

y := 2

deny contains "no" if y == 1"#,
            (1, 2),
        ),
        gives(
            "two rules with one code",
            &format!(
                "{METADATA}deny contains \"a\" if input.n\n\n{METADATA}warn contains \"b\" if input.n"
            ),
            (1, 2),
        ),
    ]
}

/// Violations that upstream drops.
fn dropped() -> Vec<Pair> {
    let named = |package: &str, msg: &str| {
        format!("{METADATA}deny contains {{\"msg\": \"{msg}\", \"code\": \"{package}.x\"}}")
    };
    let both = module(
        "main",
        "deny contains {\"msg\": \"no\", \"code\": \"main.z\"}\n\nwarn contains {\"msg\": \"soon\", \"code\": \"main.z\"}",
    );
    let term = module(
        "main",
        &format!(
            "{METADATA}deny contains {{\"msg\": \"no\", \"code\": \"main.x\", \"term\": \"t\"}}"
        ),
    );
    vec![
        pair("a violation with the code of a warning", both, (0, 4))
            .because("ec makes a warning of the violation main.z"),
        pair(
            "a nested package beside one of its first name",
            nested(&named("a.b", "no")),
            (0, 4),
        )
        .because("ec does not evaluate the package a.b"),
        pair("a term opens its package", term, (0, 4))
            .group("config: {include: ['main.x:t', other]}")
            .because("ec does not evaluate the package main"),
        pair(
            "a code that no annotation has, by intention",
            module(
                "main",
                &format!("{METADATA}deny contains {{\"msg\": \"no\", \"code\": \"main.q\"}}"),
            ),
            (0, 4),
        )
        .flags(&["--filter-type=ec-policy"])
        .because("ec drops the violation main.q"),
    ]
}

/// A package `a` that passes and a package `a.b`.
fn nested(inner: &str) -> String {
    module("a.b", inner)
}

/// Signed images, and checks that are left out.
fn checks() -> Vec<Pair> {
    vec![
        pair("a time in the past", passing(), (1, 2)).flags(&["--effective-time=2020-01-01"]),
        pair("a time in the past, allowed", passing(), (0, 0))
            .flags(&["--effective-time=2020-01-01", "--allow-past-effective-time"]),
        pair("the time of the attestation", passing(), (0, 0))
            .flags(&["--effective-time=attestation"]),
        pair("image signatures unchecked", passing(), (0, 0)).flags(&["--skip-image-sig-check"]),
        pair("a refusal that does not fail", refusing(), (0, 0)).flags(&["--strict=false"]),
        pair("rule data", passing(), (0, 0)).flags(&["--extra-rule-data=k=v"]),
        pair("rule data that is a file", passing(), (0, 2))
            .flags(&["--extra-rule-data=k=data.json"])
            .because("ec reads the file data.json as rule data, verify-ec refuses it"),
    ]
}

fn scene_with_two_packages() -> Scene {
    Scene::attested()
        .file("data.json", "[1]")
        .file("other/a.rego", module("other", &passing_of("other")))
}

impl Scene {
    fn write_pair(&self, pair: &Pair) -> String {
        let _ = std::fs::remove_dir_all(self.dir.path("rules"));
        self.dir.write("rules/a.rego", &pair.rules);
        if pair.rules.starts_with("package a.b") {
            self.dir
                .write("rules/b.rego", module("a", &passing_of("a")));
        }
        match &pair.whole {
            Some(text) => text.replace("DIR", &self.dir.path("").display().to_string()),
            None => {
                let group = &pair.group;
                let text = format!("sources: [{{policy: [./rules, ./other]{group}}}]\n");
                self.dir.write("policy.yaml", text);
                "policy.yaml".to_owned()
            }
        }
    }
}

fn passing_of(package: &str) -> String {
    let code = format!("{package}.p");
    let metadata = METADATA.replace("short_name: x", "short_name: p");
    format!("{metadata}deny contains {{\"msg\": \"p\", \"code\": \"{code}\"}} if input.nope")
}

#[test]
fn wherever_ec_passes_what_verify_ec_refuses_a_warning_says_why() {
    let scene = scene_with_two_packages();
    let pairs = [configurations(), results(), dropped(), checks()];
    let pairs: Vec<Pair> = pairs.into_iter().flatten().collect();
    assert!(pairs.len() >= 62, "{} pairs", pairs.len());
    let (mut wrong, mut laxer) = (Vec::new(), 0);
    for pair in &pairs {
        let policy = scene.write_pair(pair);
        let ec = scene.judge(&["ec", "validate", "image"], &policy, pair.flags);
        let own = scene.judge(&["verify-ec"], &policy, pair.flags);
        if (ec.code, own.code) != pair.codes {
            wrong.push(format!(
                "{}: ec {} and verify-ec {}, expected {:?}\n  ec: {}\n  verify-ec: {}",
                pair.name, ec.code, own.code, pair.codes, ec.stderr, own.stderr
            ));
        }
        let is_laxer = ec.code == 0 && own.code != 0;
        if is_laxer && (pair.why.is_empty() || !warns(&ec, pair.why)) {
            wrong.push(format!(
                "{}: no warning {:?} in {}",
                pair.name, pair.why, ec.stderr
            ));
        }
        let compat = scene.judge(&["verify-ec", "--compat"], &policy, pair.flags);
        let is_laxer = compat.code == 0 && own.code != 0;
        laxer += usize::from(is_laxer);
        if is_laxer && (pair.why.is_empty() || !warns(&compat, pair.why)) {
            wrong.push(format!(
                "{} with --compat: no warning {:?} in {}",
                pair.name, pair.why, compat.stderr
            ));
        }
        if own.code == 0 && compat.code != 0 {
            wrong.push(format!(
                "{}: --compat refuses: {}",
                pair.name, compat.stderr
            ));
        }
        if own.code == 0 && ec.code != 0 {
            wrong.push(format!("{}: verify-ec passes what ec refuses", pair.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(laxer >= 4, "{laxer} pairs in which --compat passes");
}

fn warns(run: &Run, why: &str) -> bool {
    let mut lines = run.stderr.lines();
    let is_warning = |line: &str| line.contains("warning") || line.contains(" WARN ");
    lines.any(|line| is_warning(line) && line.replace("\\\"", "\"").contains(why))
}
