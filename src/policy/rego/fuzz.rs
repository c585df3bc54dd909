//! The fuzz target for policies: a module, a line of three dashes, and an input.

use std::time::{Duration, Instant};

use rego::{Options, Program, Session, Value, builtins, eval::Limits};

/// Parses, compiles and evaluates arbitrary bytes, which must neither panic nor exceed the time limit.
pub(crate) fn program(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (module, input) = text.split_once("\n---\n").unwrap_or((&*text, "{}"));
    let registry = builtins::offered();
    let Ok(module) = rego::parse("fuzz.rego", module) else {
        return;
    };
    let Ok(compiled) = rego::compile(vec![module], &Options::new(&registry)) else {
        return;
    };
    let Ok(program) = Program::new(&compiled, &registry, &[]) else {
        return;
    };
    let limits = Limits {
        deadline: Some(Instant::now() + Duration::from_secs(1)),
        ..Limits::default()
    };
    let Ok(input) = Value::from_json(input) else {
        return;
    };
    let mut session = Session::new(&program, Some(input)).with_limits(limits);
    let _ = session.document(&[]);
}
