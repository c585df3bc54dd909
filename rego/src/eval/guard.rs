//! Conditions of a branch, those of OPA's rule index: they are tested before its body.

use super::error::Run;
use super::machine::Machine;
use super::plan::{Accept, Branch, Condition, RuleSet, Site, scalar, split};
use crate::value::Value;

impl<'p> Machine<'p> {
    /// Returns the branches whose conditions hold, with the index of their rule.
    pub(crate) fn admitted(
        &mut self,
        rules: &'p RuleSet,
        args: &[Value],
    ) -> Run<Vec<(usize, &'p Branch)>> {
        let mut admitted = Vec::with_capacity(rules.rules.len());
        for (at, definition) in rules.rules.iter().enumerate() {
            let mut branch = definition.variants.first();
            while let Some(tried) = branch {
                if self.admits(tried, args)? {
                    admitted.push((at, tried));
                }
                branch = tried.otherwise.as_deref();
            }
        }
        Ok(admitted)
    }

    /// Tells if the conditions of a branch hold.
    pub(crate) fn admits(&mut self, branch: &'p Branch, args: &[Value]) -> Run<bool> {
        let Some(guard) = &branch.guard else {
            return Ok(true);
        };
        // The report of a test shows the expression that fails, so the test itself is evaluated.
        if self.trace.is_some() && self.rules.len() == 1 {
            return Ok(true);
        }
        self.reads |= guard.reads;
        for path in &guard.paths {
            let mut all = true;
            for condition in path {
                all = self.fulfilled(condition, args)?;
                if !all {
                    break;
                }
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn fulfilled(&mut self, condition: &'p Condition, args: &[Value]) -> Run<bool> {
        let below = |value: Option<&Value>, path: &[Value]| {
            let found =
                value.and_then(|value| path.iter().try_fold(value, |value, key| value.get(key)));
            found.is_some_and(|found| accepted(condition, found))
        };
        Ok(match &*condition.site {
            Site::Input(path) => below(self.context.input.as_ref(), path),
            Site::Arg(at) => args.get(*at).is_none_or(|arg| accepted(condition, arg)),
            Site::Data(path) => self
                .resolve(path)?
                .is_some_and(|found| accepted(condition, &found)),
        })
    }
}

fn accepted(condition: &Condition, value: &Value) -> bool {
    if condition
        .accepts
        .iter()
        .any(|accept| accepts(accept, value))
    {
        return true;
    }
    let Value::String(text) = value else {
        return false;
    };
    condition.delimiters.iter().any(|delimiters| {
        let parts = split(text, delimiters)
            .into_iter()
            .map(Value::from)
            .collect();
        let parts = Value::array(parts);
        condition
            .accepts
            .iter()
            .any(|accept| accepts(accept, &parts))
    })
}

fn accepts(accept: &Accept, value: &Value) -> bool {
    match (accept, value) {
        (Accept::Any, _) => true,
        (Accept::Scalar(wanted), Value::Array(items)) => items.iter().any(|item| item == wanted),
        (Accept::Scalar(wanted), Value::Set(items)) => items.contains(wanted),
        (Accept::Scalar(wanted), Value::Object(members)) => {
            members.values().any(|member| member == wanted)
        }
        (Accept::Scalar(wanted), value) => value == wanted,
        (Accept::Array(wanted), Value::Array(items)) => {
            wanted.len() == items.len()
                && wanted.iter().zip(items).all(|(wanted, item)| {
                    wanted
                        .as_ref()
                        .is_none_or(|wanted| scalar(item) && item == wanted)
                })
        }
        (Accept::Array(_), _) => false,
    }
}
