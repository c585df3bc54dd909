//! Answers programs, one a line, as `tests/oracle/ask` does with Open Policy Agent.
//!
//! ```text
//! cargo run --release -p rego --example answer < PROGRAMS > ANSWERS
//! ```
//!
//! Each line of the input is a JSON object with `modules`, `data`, `input` and `query` (or several `queries`). Each line of
//! the output has `defined` and `value`, or `stage` (`parse`, `compile` or `eval`) and `error`.

#![expect(clippy::print_stdout, reason = "the answers are the result")]

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use rego::builtins::{Registry, declarations, offered};
use rego::eval::Limits;
use rego::{Compiled, Options, Program, Session, Value};

type Pairs = Vec<(Value, Value)>;

fn pair(name: &str, value: impl Into<Value>) -> (Value, Value) {
    (Value::from(name), value.into())
}

fn failed(stage: &str, error: &impl ToString) -> Pairs {
    vec![
        pair("defined", false),
        pair("stage", stage),
        pair("error", error.to_string()),
    ]
}

fn texts(line: &Value, name: &str) -> Vec<String> {
    let list = line.member(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn answer(line: &Value, registry: &Registry, options: &Options) -> Pairs {
    let mut modules = Vec::new();
    for (at, text) in texts(line, "modules").into_iter().enumerate() {
        match rego::parse(format!("m{at}.rego"), text) {
            Ok(module) => modules.push(module),
            Err(errors) => return failed("parse", &errors),
        }
    }
    let compiled = match rego::compile(modules, options) {
        Ok(compiled) => compiled,
        Err(errors) => return failed("compile", &errors),
    };
    let program = match Program::new(&compiled, registry, &[]) {
        Ok(program) => program,
        Err(error) => return failed("compile", &error),
    };
    let program = match line.member("data") {
        Some(data @ Value::Object(_)) => program.with_data(data.clone()),
        _ => program,
    };
    let queries = texts(line, "queries");
    if queries.is_empty() {
        let query = line.member("query").and_then(Value::as_str);
        return evaluated(line, &compiled, &program, options, query.unwrap_or("data"));
    }
    let answers = queries.iter();
    let answers =
        answers.map(|query| Value::object(evaluated(line, &compiled, &program, options, query)));
    vec![pair("answers", Value::array(answers.collect()))]
}

fn evaluated(
    line: &Value,
    compiled: &Compiled,
    program: &Program,
    options: &Options,
    query: &str,
) -> Pairs {
    let query = match compiled.query(&format!("x = {query}"), options) {
        Ok(query) => query,
        Err(errors) => return failed("compile", &errors),
    };
    let query = match program.query(&query) {
        Ok(query) => query,
        Err(error) => return failed("compile", &error),
    };
    let limits = Limits {
        deadline: Some(Instant::now() + Duration::from_secs(20)),
        ..Limits::default()
    };
    let input = line
        .member("input")
        .filter(|input| **input != Value::Null)
        .cloned();
    let session = Session::new(program, input).with_limits(limits);
    match session
        .with_time(1_782_864_000_000_000_000, 1)
        .query(&query)
    {
        Err(error) => failed("eval", &error),
        Ok(answer) => {
            let mut found = answer.value.into_iter().flatten();
            match found.find(|(name, _)| &**name == "x") {
                Some((_, value)) => vec![pair("value", value), pair("defined", true)],
                None => vec![pair("defined", false)],
            }
        }
    }
}

fn main() {
    let registry = offered();
    let options = Options {
        builtins: declarations().to_vec(),
        ..Options::default()
    };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let answer = match Value::from_json(&line) {
            Ok(line) => answer(&line, &registry, &options),
            Err(error) => failed("parse", &error),
        };
        println!("{}", Value::object(answer).to_json());
    }
}
