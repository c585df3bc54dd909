//! Records the facts that functions could not read during an evaluation.
//!
//! The engine keeps a record for each session. At its end the record moves to the current thread, which runs an
//! evaluation from start to end.

use std::cell::RefCell;

use rego::Session;

use crate::policy::seen::{UnseenFact, UnseenReason};

/// The facts that the functions of one session could not read.
#[derive(Debug, Default)]
pub(super) struct UnseenRecord(Vec<UnseenFact>);

impl UnseenRecord {
    /// Adds a fact that a function could not read.
    pub(super) fn add(&mut self, function: &str, of: &str, reason: UnseenReason) {
        let unreadable = UnseenFact {
            fact: function.to_owned(),
            of: of.to_owned(),
            reason,
        };
        if !self.0.contains(&unreadable) {
            self.0.push(unreadable);
        }
    }
}

thread_local! {
    static RECORD: RefCell<Vec<UnseenFact>> = const { RefCell::new(Vec::new()) };
}

/// Moves the record of a session to the current thread.
pub(crate) fn keep_record(session: &mut Session) {
    let noted = std::mem::take(session.state::<UnseenRecord>());
    RECORD.with_borrow_mut(|record| {
        for unreadable in noted.0 {
            if !record.contains(&unreadable) {
                record.push(unreadable);
            }
        }
    });
}

/// Runs an evaluation; returns its result and the facts that its functions could not read.
pub(crate) fn recorded<T>(evaluate: impl FnOnce() -> T) -> (T, Vec<UnseenFact>) {
    RECORD.with_borrow_mut(Vec::clear);
    let result = evaluate();
    (result, RECORD.with_borrow_mut(std::mem::take))
}
