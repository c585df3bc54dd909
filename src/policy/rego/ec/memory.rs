//! Caches the results of functions for a run: each call is made once, and concurrent equal calls wait for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use rego::Value;
use serde_json::Value as Json;

use crate::{image::Digest, policy::seen::UnseenReason};

/// The size of the cache, in bytes, at which it is cleared.
const MAX_REMEMBERED: usize = 64 << 20;

/// The result of a function call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallResult<T> {
    /// The value; `None` if the call is undefined.
    pub(crate) value: Option<T>,
    /// Set if the requested content could not be read.
    pub(crate) unreadable: Option<UnseenReason>,
    /// The digests of evidence that was opened for it.
    pub(crate) opened: Vec<Digest>,
}

impl<T> CallResult<T> {
    /// Makes a result of content that was read.
    pub(crate) fn read(value: Option<T>) -> Self {
        Self {
            value,
            unreadable: None,
            opened: Vec::new(),
        }
    }

    /// Makes an undefined result for content that could not be read.
    pub(crate) fn unreadable(reason: UnseenReason) -> Self {
        Self {
            value: None,
            unreadable: Some(reason),
            opened: Vec::new(),
        }
    }
}

/// A result that the first caller looks up while the others wait.
type Slot = Arc<OnceLock<CallResult<Value>>>;

/// The cache of results by function and arguments.
#[derive(Default)]
pub(super) struct CallCache(Mutex<CachedResults>);

#[derive(Default)]
struct CachedResults {
    slots: BTreeMap<(&'static str, String), Slot>,
    bytes: usize,
}

impl CallCache {
    /// Returns the result of a call from the cache, or makes the call. Failures are cached too.
    pub(super) fn memoised(
        &self,
        function: &'static str,
        arguments: String,
        look_up: impl FnOnce() -> CallResult<Json>,
    ) -> CallResult<Value> {
        let slot = Arc::clone(
            self.answers()
                .slots
                .entry((function, arguments))
                .or_default(),
        );
        let mut bytes = None;
        let answer = slot.get_or_init(|| {
            let found = look_up();
            bytes = Some(found.value.as_ref().map_or(0, size));
            decoded(found)
        });
        if let Some(bytes) = bytes {
            let mut answers = self.answers();
            answers.bytes += bytes;
            if answers.bytes > MAX_REMEMBERED {
                *answers = CachedResults::default();
            }
        }
        answer.clone()
    }

    /// Tells whether the cache has a result for the call.
    pub(super) fn contains(&self, function: &'static str, arguments: &str) -> bool {
        let question = (function, arguments.to_owned());
        self.answers().slots.contains_key(&question)
    }

    fn answers(&self) -> MutexGuard<'_, CachedResults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Converts the value for the engine.
fn decoded(answer: CallResult<Json>) -> CallResult<Value> {
    CallResult {
        value: answer.value.as_ref().map(Value::from),
        unreadable: answer.unreadable,
        opened: answer.opened,
    }
}

/// Estimates the size of a value in memory, in bytes.
fn size(json: &Json) -> usize {
    match json {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(size).sum(),
        Json::Object(members) => members
            .iter()
            .map(|(key, member)| key.len() + size(member))
            .sum(),
        _ => 16,
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, thread};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_asked_once_also_when_it_failed() {
        let memory = CallCache::default();
        let asked = Cell::new(0);
        let ask = |arguments: &str, answer: Option<Json>| {
            memory
                .memoised("f", arguments.to_owned(), || {
                    asked.set(asked.get() + 1);
                    CallResult::read(answer)
                })
                .value
        };
        assert_eq!(ask("a", Some(json!("x"))), Some(Value::from("x")));
        assert_eq!(ask("a", Some(json!("y"))), Some(Value::from("x")));
        assert_eq!(ask("b", None), None);
        assert_eq!(ask("b", Some(json!("late"))), None);
        assert_eq!(asked.get(), 2);
        assert!(memory.contains("f", "b") && !memory.contains("g", "b"));
    }

    #[test]
    fn those_who_ask_at_the_same_time_wait_for_one_answer() {
        let memory = CallCache::default();
        let asked = std::sync::atomic::AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let answer = memory.memoised("f", "a".to_owned(), || {
                        thread::sleep(std::time::Duration::from_millis(20));
                        let before = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        CallResult::read(Some(json!(before)))
                    });
                    assert_eq!(answer.value, Some(Value::from(0_i64)));
                });
            }
        });
    }

    #[test]
    fn all_is_forgotten_before_it_is_too_much() {
        let memory = CallCache::default();
        let large = "x".repeat(MAX_REMEMBERED / 2);
        for name in ["a", "b"] {
            memory.memoised("f", name.to_owned(), || {
                CallResult::read(Some(json!(large)))
            });
            assert!(memory.contains("f", name));
        }
        memory.memoised("f", "c".to_owned(), || CallResult::read(Some(json!("x"))));
        assert!(!memory.contains("f", "a"));
    }
}
