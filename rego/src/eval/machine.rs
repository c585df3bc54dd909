//! State of an evaluation: frames, documents, memory of results, limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::error::{EvalCode, EvalError, Place, Run};
use super::plan::{Callee, Plan, SetId, SlotId};
use crate::builtins::CallContext;
use crate::value::Value;

/// Tells an enumeration to continue or to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Done,
}

/// The rest of a body, called for each solution.
pub(crate) type Then<'a, 'p> = &'a mut dyn FnMut(&mut Machine<'p>) -> Run<Flow>;

/// Limits of an evaluation. Each one ends it with an error.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Expressions and elements that are visited.
    pub steps: u64,
    /// Nesting depth of rules and enumerations.
    pub depth: u32,
    /// Bytes of values that are made, roughly, whether or not they are kept.
    pub memory: usize,
    pub deadline: Option<Instant>,
    /// Ends the evaluation when it becomes true.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            steps: 1_000_000_000,
            depth: 10_000,
            memory: 4 << 30,
            deadline: None,
            cancel: None,
        }
    }
}

/// A fact of the host that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub function: &'static str,
    pub reason: String,
    pub rule: Arc<str>,
    pub file: Arc<str>,
    pub line: u32,
}

/// Bit of [`Machine::reads`]: a result rests on a fact that could not be read.
pub(crate) const UNREADABLE: u64 = 1 << 63;

/// A cached result, with the watched facts that it rests on.
#[derive(Debug, Clone)]
pub(crate) struct CachedResult {
    pub(crate) value: Option<Value>,
    pub(crate) reads: u64,
}

/// Members of a partial rule that were looked up one by one.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) known: FxHashMap<Box<[Value]>, CachedResult>,
    /// The whole rule has a conflict: members are always looked up one by one.
    pub(crate) whole_fails: bool,
}

/// Cached results, valid while documents and functions are not replaced.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    pub(crate) rules: FxHashMap<SetId, CachedResult>,
    pub(crate) members: FxHashMap<SetId, Members>,
    pub(crate) calls: FxHashMap<SetId, FxHashMap<Box<[Value]>, CachedResult>>,
}

/// Documents and functions that `with` replaces.
#[derive(Debug, Default)]
pub(crate) struct Replacements {
    pub(crate) input: Option<Value>,
    /// `data` with the parts that `with` replaces.
    pub(crate) data: Option<Value>,
    /// Paths below `data` that are replaced as a whole.
    pub(crate) targets: Vec<Vec<Value>>,
    pub(crate) mocks: Vec<(Callee, Mock)>,
    pub(crate) memo: Memo,
}

#[derive(Debug, Clone)]
pub(crate) enum Mock {
    Value(Value),
    Callee(Callee),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    pub text: String,
    pub file: Arc<str>,
    pub line: u32,
}

pub(crate) struct Machine<'p> {
    pub(crate) plan: &'p Plan,
    /// Values of rules that depend on data alone.
    pub(crate) constants: &'p [OnceLock<Option<Value>>],
    pub(crate) base: Value,
    pub(crate) context: Replacements,
    pub(crate) slots: Vec<Value>,
    pub(crate) frame: usize,
    /// Rules that are evaluated, innermost last.
    pub(crate) rules: Vec<SetId>,
    pub(crate) place: Place,
    pub(crate) call: CallContext,
    pub(crate) limits: Limits,
    pub(crate) steps: u64,
    pub(crate) depth: u32,
    pub(crate) reads: u64,
    pub(crate) unreadable: Vec<Unreadable>,
    pub(crate) printed: Vec<Printed>,
    /// The first error of a builtin function that made a call undefined.
    pub(crate) builtin_error: Option<Box<EvalError>>,
    pub(crate) trace: Option<Box<super::trace::Trace>>,
}

impl<'p> Machine<'p> {
    pub(crate) fn get(&self, slot: SlotId) -> &Value {
        &self.slots[self.frame + slot]
    }

    pub(crate) fn set(&mut self, slot: SlotId, value: Value) {
        self.slots[self.frame + slot] = value;
    }

    /// Runs code in a new frame.
    pub(crate) fn in_frame<T>(
        &mut self,
        slots: usize,
        run: impl FnOnce(&mut Machine<'p>) -> Run<T>,
    ) -> Run<T> {
        let frame = std::mem::replace(&mut self.frame, self.slots.len());
        self.slots.resize(self.frame + slots, Value::Null);
        let result = run(self);
        self.slots.truncate(self.frame);
        self.frame = frame;
        result
    }

    /// Counts a step; looks at the clock from time to time.
    pub(crate) fn step(&mut self) -> Run<()> {
        self.steps += 1;
        if self.steps & 0x3ff == 0 {
            self.check()
        } else {
            Ok(())
        }
    }

    #[cold]
    fn check(&mut self) -> Run<()> {
        if self.steps > self.limits.steps {
            let message = format!("more than {} steps", self.limits.steps);
            return Err(self.error(EvalCode::Limit, message));
        }
        if self
            .limits
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(self.error(EvalCode::Limit, "time limit exceeded"));
        }
        match &self.limits.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => {
                Err(self.error(EvalCode::Cancelled, "evaluation cancelled"))
            }
            _ => Ok(()),
        }
    }

    /// Enters a nested rule or enumeration.
    pub(crate) fn nest(&mut self) -> Run<()> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            let message = format!("nested more than {} levels deep", self.limits.depth);
            return Err(self.error(EvalCode::Limit, message));
        }
        Ok(())
    }

    /// Charges bytes that a value needs.
    pub(crate) fn charge(&mut self, bytes: usize) -> Run<()> {
        match self.call.memory.checked_sub(bytes) {
            Some(rest) => {
                self.call.memory = rest;
                Ok(())
            }
            None => {
                let message = format!("more than {} bytes of values", self.limits.memory);
                Err(self.error(EvalCode::Limit, message))
            }
        }
    }

    #[cold]
    pub(crate) fn error(&self, code: EvalCode, message: impl Into<String>) -> Box<EvalError> {
        self.error_at(self.place, code, message)
    }

    #[cold]
    pub(crate) fn error_at(
        &self,
        place: Place,
        code: EvalCode,
        message: impl Into<String>,
    ) -> Box<EvalError> {
        Box::new(EvalError {
            code,
            message: message.into(),
            rule: self.rule_name(),
            file: self.file(place),
            line: place.line,
            column: place.column,
        })
    }

    pub(crate) fn file(&self, place: Place) -> Arc<str> {
        let file = self.plan.layout.files.get(place.file as usize);
        file.cloned().unwrap_or_else(|| Arc::from("query"))
    }

    pub(crate) fn rule_name(&self) -> Arc<str> {
        match self.rules.last() {
            Some(set) => Arc::clone(&self.plan.sets[*set].name),
            None => Arc::from(""),
        }
    }

    /// Runs code and returns the watched facts that it read.
    pub(crate) fn reading<T>(
        &mut self,
        run: impl FnOnce(&mut Machine<'p>) -> Run<T>,
    ) -> Run<(T, u64)> {
        let before = std::mem::take(&mut self.reads);
        let result = run(self);
        let reads = self.reads;
        self.reads |= before;
        Ok((result?, reads))
    }
}
