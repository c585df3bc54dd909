//! What functions could not read during an evaluation, which runs on one thread from start to end.

use std::cell::RefCell;

use crate::policy::seen::{Reason, Unreadable};

thread_local! {
    static RECORD: RefCell<Vec<Unreadable>> = const { RefCell::new(Vec::new()) };
}

/// Notes that a function could not read something.
pub(super) fn note(function: &str, of: &str, reason: Reason) {
    let unreadable = Unreadable {
        fact: function.to_owned(),
        of: of.to_owned(),
        reason,
    };
    RECORD.with_borrow_mut(|record| {
        if !record.contains(&unreadable) {
            record.push(unreadable);
        }
    });
}

/// Runs an evaluation and returns with its result what its functions could not read.
pub(crate) fn recorded<T>(evaluate: impl FnOnce() -> T) -> (T, Vec<Unreadable>) {
    RECORD.with_borrow_mut(Vec::clear);
    let result = evaluate();
    (result, RECORD.with_borrow_mut(std::mem::take))
}
