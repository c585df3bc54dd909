//! Parsing and compiling end when the host says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rego::{Code, Errors, Options, Stop, builtins};

fn stops() -> [(Stop, &'static str); 2] {
    let past = Stop {
        deadline: Some(Instant::now()),
        ..Stop::default()
    };
    let flag = Stop {
        cancel: Some(Arc::new(AtomicBool::new(true))),
        ..Stop::default()
    };
    [(past, "time limit exceeded"), (flag, "cancelled")]
}

fn reason<T: std::fmt::Debug>(result: Result<T, Errors>) -> (Code, String) {
    let Errors(errors) = result.unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    (errors[0].code, errors[0].message.clone())
}

#[test]
fn parsing_and_compiling_end_with_one_error() {
    let text = "package p\nr := [x | some x in input.list]\n";
    for (stop, message) in stops() {
        let cancelled = (Code::Cancelled, message.to_owned());
        assert_eq!(reason(rego::parse_until("p.rego", text, &stop)), cancelled);
        let module = rego::parse("p.rego", text).unwrap();
        let options = Options {
            stop,
            ..Options::new(&builtins::offered())
        };
        assert_eq!(reason(rego::compile(vec![module], &options)), cancelled);
    }
}

#[test]
fn a_long_text_ends_while_it_is_parsed() {
    let text = format!("package p\nr := [{}]\n", "[[[1]]], ".repeat(100_000));
    let stop = Stop {
        deadline: Some(Instant::now() + Duration::from_millis(1)),
        ..Stop::default()
    };
    assert_eq!(
        reason(rego::parse_until("p.rego", text, &stop)).0,
        Code::Cancelled
    );
}

#[test]
fn without_a_reason_nothing_ends() {
    let stop = Stop {
        deadline: Some(Instant::now() + Duration::from_secs(600)),
        cancel: Some(Arc::new(AtomicBool::new(false))),
    };
    let module = rego::parse_until("p.rego", "package p\nr := 1\n", &stop).unwrap();
    let options = Options {
        stop,
        ..Options::new(&builtins::offered())
    };
    assert!(rego::compile(vec![module], &options).is_ok());
}
