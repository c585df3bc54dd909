//! The memory budget of a run, shared by all workers (`--memory`).
//!
//! The allocator counts the bytes of the heap, so the budget is compared with what is in use, not
//! with a sum of estimates: what is freed is free again. Readers check it before they read (the
//! size in a descriptor, an object header, a page of a list), parsers while they build nodes, and
//! [`watch`] sees what grew past them, in the heap or in a C library. Once it is exceeded, the run
//! is over: [`over`] says which object was too large, and the command line ends with that.

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
/// Held from a check to the allocation that it allows.
static CHECKED: Mutex<()> = Mutex::new(());
static OVER: OnceLock<Exceeded> = OnceLock::new();

/// The run needs more memory than it may use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object} does not fit into the memory budget of {limit}")]
pub(crate) struct Exceeded {
    /// What was being read.
    pub(crate) object: String,
    /// The budget.
    pub(crate) limit: Size,
}

/// Sets the budget of this process.
pub(crate) fn set(limit: Size) {
    LIMIT.store(limit.bytes(), Ordering::Relaxed);
}

/// The first object that exceeded the budget.
pub(crate) fn over() -> Option<Exceeded> {
    OVER.get().cloned()
}

/// The bytes of the heap that are in use.
#[cfg(test)]
pub(crate) fn in_use() -> usize {
    HEAP.allocated()
}

/// Checks that so many bytes more fit into the budget.
///
/// # Errors
/// [`Exceeded`], naming the object.
pub(crate) fn check(object: &dyn fmt::Display, more: usize) -> Result<(), Exceeded> {
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit == usize::MAX || HEAP.allocated().saturating_add(more) <= limit {
        return Ok(());
    }
    Err(exceed(object.to_string(), limit))
}

/// Checks that the budget is not exceeded by what was begun last.
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

/// Checks the budget and reserves the bytes in one step, so that two workers do not both get the
/// last of it.
///
/// # Errors
/// [`Exceeded`], naming the object.
pub(crate) fn reserve(
    object: &dyn fmt::Display,
    buffer: &mut Vec<u8>,
    more: usize,
) -> Result<(), Exceeded> {
    if buffer.capacity() - buffer.len() >= more {
        return Ok(());
    }
    let _one = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    // A buffer that grows is copied: for a moment both are there.
    let grown = buffer
        .len()
        .saturating_add(more)
        .max(buffer.capacity().saturating_mul(2).min(buffer.len() + STEP));
    check(object, grown.saturating_sub(buffer.capacity()))?;
    buffer.reserve_exact(grown - buffer.len());
    Ok(())
}

/// How much a buffer of unknown size grows at once, at most.
const STEP: usize = 16 << 20;

/// Looks at the process as a whole: the heap, and the resident memory, in which C libraries and
/// fragments of freed blocks are too.
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
