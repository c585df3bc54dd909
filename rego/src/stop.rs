//! Ending long work from outside: at a moment, or when a flag is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A deadline and a flag that parsing and compiling look at; without both nothing ends early.
///
/// An evaluation has its own in [`Limits`](crate::eval::Limits).
#[derive(Debug, Clone, Default)]
pub struct Stop {
    pub deadline: Option<Instant>,
    /// Ends the work when it becomes true.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// Returns the reason to end, if there is one.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Some("time limit exceeded");
        }
        let cancelled = self
            .cancel
            .as_ref()
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        cancelled.then_some("cancelled")
    }
}
