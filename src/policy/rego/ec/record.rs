//! Records what functions opened, and the facts that they could not read, during an evaluation.
//!
//! The engine keeps a record for each session. At its end the record moves to the current thread, which runs an
//! evaluation from start to end.

use std::{cell::RefCell, collections::BTreeSet};

use rego::Session;

use crate::{
    image::Digest,
    policy::seen::{UnseenFact, UnseenReason},
};

/// The record of the functions of one evaluation.
#[derive(Debug, Default, Clone)]
pub(crate) struct CallRecord {
    /// Facts that could not be read.
    pub(crate) unreadable: Vec<UnseenFact>,
    /// The digests of blobs, signatures and attestations that were opened.
    pub(crate) opened: BTreeSet<Digest>,
}

impl CallRecord {
    /// Adds a fact that a function could not read.
    pub(super) fn add(&mut self, function: &str, of: &str, reason: UnseenReason) {
        let unreadable = UnseenFact {
            fact: function.to_owned(),
            of: of.to_owned(),
            reason,
        };
        self.add_fact(unreadable);
    }

    fn add_fact(&mut self, unreadable: UnseenFact) {
        if !self.unreadable.contains(&unreadable) {
            self.unreadable.push(unreadable);
        }
    }
}

thread_local! {
    static RECORD: RefCell<CallRecord> = RefCell::default();
}

/// Moves the record of a session to the current thread.
pub(crate) fn keep_record(session: &mut Session) {
    let noted = std::mem::take(session.state::<CallRecord>());
    RECORD.with_borrow_mut(|record| {
        record.opened.extend(noted.opened);
        for unreadable in noted.unreadable {
            record.add_fact(unreadable);
        }
    });
}

/// Runs an evaluation; returns its result and the record of its functions.
pub(crate) fn recorded<T>(evaluate: impl FnOnce() -> T) -> (T, CallRecord) {
    RECORD.with_borrow_mut(std::mem::take);
    let result = evaluate();
    (result, RECORD.with_borrow_mut(std::mem::take))
}
