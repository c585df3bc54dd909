//! Tells long work of threads that the run must end: the parsing, compiling and evaluation of
//! policies look at it, because nothing else can end them.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

static ENDED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Ends what looks at the flag: the time is over, or the user interrupted the run.
pub(crate) fn end() {
    ENDED.store(true, Ordering::Relaxed);
}

/// Returns the flag that becomes true when the run must end.
pub(crate) fn flag() -> Arc<AtomicBool> {
    Arc::clone(&ENDED)
}
