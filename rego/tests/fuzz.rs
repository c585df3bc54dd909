//! Mutated policies and inputs: whatever they are, they end with values or errors, never with a panic.
//!
//! `FUZZ` says how many (2,000 without it), `FUZZ_SEED` where to begin.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::print_stderr,
    reason = "the counts are what a reader of a run reads"
)]
#![expect(clippy::disallowed_methods, reason = "switches of the test run itself")]

use std::path::Path;
use std::time::{Duration, Instant};

use rego::builtins::{Registry, declarations, offered};
use rego::eval::Limits;
use rego::{Options, Program, Session, Value};

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % limit.max(1)
    }
}

/// What a mutation puts in.
const PIECES: [&str; 44] = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":=",
    "=",
    "==",
    "if",
    "contains",
    "some x in ",
    "every x in ",
    "not ",
    "with input as ",
    "else",
    "default ",
    "data.p",
    "input",
    "_",
    "\"",
    "`",
    "$\"{",
    "|",
    "&",
    "-",
    "1e999",
    "-0.0",
    "0x",
    "set()",
    "{1 | ",
    "walk(input, [p, v])",
    "sprintf(\"%*d\", [9, 9])",
    "regex.match(\"(a*)*\", \"a\")",
    "#",
    "\n",
    "\\u",
    "import data.q",
    "package x",
    "numbers.range(0, 1e9)",
    "json.patch({}, [])",
    "\u{feff}",
    "é",
    "\u{1F600}",
];

fn mutated(text: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(letters.len() + 1);
        let end = (at + random.below(12)).min(letters.len());
        match random.below(5) {
            0 => drop(letters.drain(at..end)),
            1 => {
                let piece: Vec<char> = PIECES[random.below(PIECES.len())].chars().collect();
                letters.splice(at..at, piece);
            }
            2 => {
                let copied: Vec<char> = letters[at..end].to_vec();
                let place = random.below(letters.len() + 1);
                letters.splice(place..place, copied);
            }
            3 => {
                let piece: Vec<char> = PIECES[random.below(PIECES.len())].chars().collect();
                letters.splice(at..end, piece);
            }
            _ => {
                let place = random.below(letters.len() + 1);
                if at < letters.len() && place < letters.len() {
                    letters.swap(at, place);
                }
            }
        }
    }
    letters.into_iter().collect()
}

/// How far a policy got: parsed, compiled, evaluated.
fn run(registry: &Registry, modules: &[String], data: &Value, input: &str) -> usize {
    let options = Options {
        builtins: declarations().to_vec(),
        print: true,
        ..Options::default()
    };
    let mut parsed = Vec::new();
    for (at, module) in modules.iter().enumerate() {
        match rego::parse(format!("{at}.rego").as_str(), module.as_str()) {
            Ok(module) => parsed.push(module),
            Err(errors) => {
                let _ = errors.to_string();
                return 0;
            }
        }
    }
    let compiled = match rego::compile(parsed, &options) {
        Ok(compiled) => compiled,
        Err(errors) => {
            let _ = errors.to_string();
            return 1;
        }
    };
    let Ok(program) = Program::new(&compiled, registry, &[]) else {
        return 1;
    };
    let program = program.with_data(data.clone());
    let limits = Limits {
        steps: 2_000_000,
        memory: 256 << 20,
        deadline: Some(Instant::now() + Duration::from_secs(10)),
        ..Limits::default()
    };
    let input = Value::from_json(input).ok();
    let mut session = Session::new(&program, input).with_limits(limits).traced();
    match session.document(&[]) {
        Ok(_) => 3,
        Err(error) => {
            let _ = error.to_string();
            2
        }
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn mutated_policies_and_inputs_end_without_a_panic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/programs.json");
    let programs = Value::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = programs.member("cases").unwrap().as_array().unwrap();
    let other = programs.member("other").unwrap().as_str().unwrap();
    let data = programs.member("data").unwrap();
    let registry = offered();
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ number("FUZZ_SEED", 1));
    let (count, mut reached) = (number("FUZZ", 2_000), [0_u64; 4]);
    for _ in 0..count {
        let case = &cases[random.below(cases.len())];
        let source = case.member("source").unwrap().as_str().unwrap();
        let mut modules: Vec<_> = source.split("---\n").map(str::to_owned).collect();
        let input = case.member("input").unwrap().to_json();
        let input = if random.below(3) == 0 {
            mutated(&input, &mut random)
        } else {
            input
        };
        let place = random.below(modules.len());
        if random.below(5) > 0 {
            modules[place] = mutated(&modules[place], &mut random);
        }
        modules.push(other.to_owned());
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&registry, &modules, data, &input)
        }));
        match ended {
            Ok(far) => reached[far] += 1,
            Err(_) => panic!("panic for\n{}\ninput {input}", modules.join("\n---\n")),
        }
    }
    let [unparsed, uncompiled, failed, given] = reached;
    eprintln!(
        "{count}: {unparsed} not parsed, {uncompiled} not compiled, {failed} failed, {given} gave values"
    );
    assert!(given > 0 && uncompiled > 0 && unparsed > 0);
}

#[test]
fn deep_and_long_policies_end() {
    let registry = offered();
    let none = Value::object(Vec::new());
    for (open, close) in [
        ("[", "]"),
        ("{", "}"),
        ("(", ")"),
        ("f(", ")"),
        ("{\"a\": ", "}"),
        ("[x | x := ", "]"),
    ] {
        let value = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        run(
            &registry,
            &[format!("package p\nr := {value}\n")],
            &none,
            "{}",
        );
    }
    let sum = vec!["1"; 10_000].join(" + ");
    let negations = format!("package p\nr if {{ {} true }}\n", "not ".repeat(10_000));
    let chain: String = (1..3_000)
        .map(|at| format!("r{at} := r{} + 1\n", at - 1))
        .collect();
    let elses = "else := 2 if input.x ".repeat(5_000);
    for module in [
        format!("package p\nr := {sum}\n"),
        negations,
        format!("package p\nr0 := 1\n{chain}"),
        format!("package p\nr := 1 if input.y {elses}\n"),
        "package p\nr := data.p\n".to_owned(),
        "package p\nf(x) := f(x)\nr := f(1)\n".to_owned(),
        "package p\nr := data[x].r if some x in [\"p\"]\n".to_owned(),
    ] {
        run(&registry, &[module], &none, "{}");
    }
}
