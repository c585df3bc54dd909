//! What is being read or evaluated, so that a run that grows too large can say on what.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

static LOADS: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());

/// One piece of work with input from outside; named until it is dropped.
#[derive(Debug)]
pub(crate) struct Load(u64);

/// Names the object that is being worked on.
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

/// The object that was begun last.
pub(super) fn last() -> String {
    let loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
    loads.last().map_or_else(
        || "the input of this run".to_owned(),
        |(_, object)| object.clone(),
    )
}
