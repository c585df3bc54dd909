//! The memory budget of a run, shared by all workers (`--memory`).
//!
//! The allocator counts the bytes of the heap, so the budget is compared with the memory in use, not
//! with a sum of estimates. Readers check it before they read (the
//! size in a descriptor, an object header, a page of a list), parsers while they build nodes, and
//! [`watch`] detects growth outside of them, in the heap or in a C library. Once it is exceeded, the run
//! ends: [`over`] returns the object that was too large, for the message of the command line.

mod limit;
mod load;
mod size;

use std::{
    alloc::System,
    fmt,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use cap::Cap;

pub(crate) use limit::default_limit;
pub(crate) use load::load;
pub(crate) use size::Size;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The budget of this process, in bytes.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Held from a check until the allocation that it allows.
static CHECKED: Mutex<()> = Mutex::new(());
static OVER: OnceLock<Exceeded> = OnceLock::new();

/// An object that does not fit into the memory budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object} does not fit into the memory budget of {limit}")]
pub(crate) struct Exceeded {
    pub(crate) object: String,
    pub(crate) limit: Size,
}

/// Sets the budget of this process.
pub(crate) fn set(limit: Size) {
    LIMIT.store(limit.bytes(), Ordering::Relaxed);
}

/// Returns the first object that exceeded the budget.
pub(crate) fn over() -> Option<Exceeded> {
    OVER.get().cloned()
}

/// Returns the bytes of the heap that are in use.
#[cfg(test)]
pub(crate) fn in_use() -> usize {
    HEAP.allocated()
}

/// Checks that `more` bytes fit into the budget.
///
/// # Errors
/// [`Exceeded`] with the object.
pub(crate) fn check(object: &dyn fmt::Display, more: usize) -> Result<(), Exceeded> {
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit == usize::MAX || HEAP.allocated().saturating_add(more) <= limit {
        return Ok(());
    }
    Err(exceed(object.to_string(), limit))
}

/// Checks that the current work has not exceeded the budget.
///
/// # Errors
/// [`Exceeded`].
pub(crate) fn check_now() -> Result<(), Exceeded> {
    let limit = LIMIT.load(Ordering::Relaxed);
    match HEAP.allocated() > limit {
        true => Err(exceed(load::last(), limit)),
        false => Ok(()),
    }
}

/// Checks the budget and reserves the bytes in one step, so that two workers cannot both get the
/// last free bytes.
///
/// # Errors
/// [`Exceeded`] with the object.
pub(crate) fn reserve(
    object: &dyn fmt::Display,
    buffer: &mut Vec<u8>,
    more: usize,
) -> Result<(), Exceeded> {
    if buffer.capacity() - buffer.len() >= more {
        return Ok(());
    }
    let _one = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    // A growing buffer is copied: for a moment both copies exist.
    let grown = buffer
        .len()
        .saturating_add(more)
        .max(buffer.capacity().saturating_mul(2).min(buffer.len() + STEP));
    check(object, grown.saturating_sub(buffer.capacity()))?;
    buffer.reserve_exact(grown - buffer.len());
    Ok(())
}

/// The largest step by which a buffer of unknown size grows.
const STEP: usize = 16 << 20;

/// Checks the whole process: the heap, and the resident memory, which includes C libraries and
/// fragments of freed blocks.
pub(crate) fn watch() -> Option<Exceeded> {
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit == usize::MAX {
        return None;
    }
    let resident = limit::resident().unwrap_or(0);
    let is_over = HEAP.allocated() > limit || resident > limit.saturating_add(limit::SLACK);
    is_over.then(|| exceed(load::last(), limit))
}

fn exceed(object: String, limit: usize) -> Exceeded {
    let exceeded = Exceeded {
        object,
        limit: Size::of(limit),
    };
    OVER.get_or_init(|| exceeded).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_limit_everything_fits() {
        assert_eq!(check(&"x", usize::MAX - 1), Ok(()));
        let mut buffer = Vec::new();
        reserve(&"x", &mut buffer, 100).unwrap();
        assert!(buffer.capacity() >= 100);
        assert_eq!(watch(), None);
    }

    #[test]
    fn the_heap_is_counted() {
        let before = HEAP.allocated();
        let block = vec![1u8; 32 << 20];
        assert!(HEAP.allocated() >= before.saturating_sub(16 << 20) + block.len());
    }
}
