//! Calls of functions and builtins, also of those that `with` replaces.

use super::error::{EvalCode, Run};
use super::machine::{CachedResult, Machine, Mock, UNREADABLE, Unreadable};
use super::plan::{Callee, PlanExpr, SetId, SetKind};
use crate::builtins::BuiltinError;
use crate::value::Value;

impl<'p> Machine<'p> {
    /// Returns the value of a call of a function.
    pub(crate) fn function(&mut self, set: SetId, args: &'p [PlanExpr]) -> Run<Option<Value>> {
        let Some(args) = self.eval_all(args)? else {
            return Ok(None);
        };
        match self.mocked(Callee::Rules(set), &args)? {
            Some(mocked) => Ok(mocked),
            None => self.call_rules(set, args),
        }
    }

    fn call_rules(&mut self, set: SetId, args: Vec<Value>) -> Run<Option<Value>> {
        let rules = self.rule_set(set);
        if rules.kind != SetKind::Function {
            // A complete rule may be called without arguments.
            return self.rule_at(set, &[]);
        }
        if let Some(known) = self
            .context
            .memo
            .calls
            .get(&set)
            .and_then(|calls| calls.get(args.as_slice()))
        {
            self.reads |= known.reads;
            return Ok(known.value.clone());
        }
        let (value, reads) =
            self.reading(|machine| machine.in_rule(set, |machine| machine.choose(rules, &args)))?;
        let calls = self.context.memo.calls.entry(set).or_default();
        calls.insert(
            args.into_boxed_slice(),
            CachedResult {
                value: value.clone(),
                reads,
            },
        );
        Ok(value)
    }

    /// Returns the value of a call of a builtin.
    pub(crate) fn builtin(&mut self, index: usize, args: &'p [PlanExpr]) -> Run<Option<Value>> {
        let Some(args) = self.eval_all(args)? else {
            return Ok(None);
        };
        match self.mocked_builtin(index, &args)? {
            Some(mocked) => Ok(mocked),
            None => self.call_builtin(index, &args),
        }
    }

    pub(crate) fn mocked_builtin(
        &mut self,
        index: usize,
        args: &[Value],
    ) -> Run<Option<Option<Value>>> {
        self.mocked(Callee::Builtin(index), args)
    }

    /// Returns the value of a call whose function is replaced, or `None` if it is not.
    fn mocked(&mut self, callee: Callee, args: &[Value]) -> Run<Option<Option<Value>>> {
        if self.context.mocks.is_empty() {
            return Ok(None);
        }
        let found = self
            .context
            .mocks
            .iter()
            .rev()
            .find(|(target, _)| *target == callee);
        let replacement = match found.map(|(_, mock)| mock) {
            None => return Ok(None),
            Some(Mock::Value(value)) => return Ok(Some(Some(value.clone()))),
            Some(Mock::Callee(replacement)) => *replacement,
        };
        // Nothing is replaced inside of the replacement, so it may call what it replaces.
        let mocks = std::mem::take(&mut self.context.mocks);
        let value = match replacement {
            Callee::Rules(set) => self.call_rules(set, args.to_vec()),
            Callee::Builtin(index) => self.call_builtin(index, args),
        };
        self.context.mocks = mocks;
        value.map(Some)
    }

    fn call_builtin(&mut self, index: usize, args: &[Value]) -> Run<Option<Value>> {
        let plan = self.plan;
        let builtin = &plan.layout.builtins[index];
        let error = match builtin.call(&mut self.call, args) {
            Ok(value) => {
                self.charge(value.shallow_bytes())?;
                return Ok(Some(value));
            }
            Err(error) => error,
        };
        let name = builtin.declaration.name;
        match error {
            BuiltinError::Undefined => {}
            BuiltinError::Operand(reason) => {
                self.builtin_failed(EvalCode::Type, format!("{name}: {reason}"));
            }
            BuiltinError::Failed(reason) => {
                self.builtin_failed(EvalCode::Builtin, format!("{name}: {reason}"));
            }
            BuiltinError::Halt(reason) => {
                let code = if reason.ends_with("limit exceeded") {
                    EvalCode::Limit
                } else {
                    EvalCode::Builtin
                };
                return Err(self.error(code, format!("{name}: {reason}")));
            }
            BuiltinError::Unreadable(reason) => {
                self.reads |= UNREADABLE;
                let (file, rule) = (self.file(self.place), self.rule_name());
                let line = self.place.line;
                let unreadable = Unreadable {
                    function: name,
                    reason,
                    rule,
                    file,
                    line,
                };
                if !self.unreadable.contains(&unreadable) {
                    self.unreadable.push(unreadable);
                }
            }
        }
        Ok(None)
    }

    fn builtin_failed(&mut self, code: EvalCode, message: String) {
        if self.builtin_error.is_none() {
            self.builtin_error = Some(self.error(code, message));
        }
    }
}
