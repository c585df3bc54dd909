//! Ends long work on threads when the run must end: the parsing, compilation and evaluation of
//! policies poll the flag, as they cannot be interrupted otherwise.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

static ENDED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Sets the flag: the time limit has passed, or the user interrupted the run.
pub(crate) fn end() {
    ENDED.store(true, Ordering::Relaxed);
}

/// Returns the flag that becomes true when the run must end.
pub(crate) fn flag() -> Arc<AtomicBool> {
    Arc::clone(&ENDED)
}
