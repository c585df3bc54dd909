//! State that a builtin function may use beside its operands.

use std::any::{Any, TypeId};
use std::collections::HashMap;

use super::BuiltinError;

/// The surroundings of a call: time, randomness, limits and state that is kept between calls.
#[derive(Default)]
pub struct CallContext {
    /// The time of the evaluation in nanoseconds since 1970 (`time.now_ns`).
    pub now_ns: i64,
    /// The seed of functions that return random values; equal for one evaluation.
    pub seed: u64,
    /// The bytes of values that may still be made.
    pub memory: usize,
    states: HashMap<TypeId, Box<dyn Any + Send>>,
}

impl CallContext {
    /// Returns state that a family of functions keeps between calls of all evaluations
    /// (compiled patterns, schemas).
    pub fn state<T: Default + Send + 'static>(&mut self) -> &mut T {
        let state = self
            .states
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Box::<T>::default());
        match state.downcast_mut() {
            Some(state) => state,
            None => unreachable!("the state is kept by its type"),
        }
    }

    /// Charges the memory limit before something large is made.
    ///
    /// # Errors
    /// The limit is exceeded.
    pub fn charge(&mut self, bytes: usize) -> Result<(), BuiltinError> {
        match self.memory.checked_sub(bytes) {
            Some(rest) => {
                self.memory = rest;
                Ok(())
            }
            None => Err(BuiltinError::Halt("memory limit exceeded".to_owned())),
        }
    }
}
