//! Records the current input of each worker, so that an exceeded budget can be attributed to one.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

static LOADS: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());

/// A piece of work with external input; registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Load(u64);

/// Registers the object that is being processed.
pub(crate) fn load(object: &dyn fmt::Display) -> Load {
    let mut loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
    let number = loads.last().map_or(0, |(number, _)| number + 1);
    loads.push((number, object.to_string()));
    Load(number)
}

impl Drop for Load {
    fn drop(&mut self) {
        let mut loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
        loads.retain(|(number, _)| *number != self.0);
    }
}

/// Returns the object that was registered last.
pub(super) fn last() -> String {
    let loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
    loads.last().map_or_else(
        || "the input of this run".to_owned(),
        |(_, object)| object.clone(),
    )
}
