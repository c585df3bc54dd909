//! `with`: documents and functions that are replaced while an expression is evaluated.

use super::error::Run;
use super::machine::{Flow, Machine, Memo, Mock, Replacements, Then};
use super::plan::{PlanWith, Replacement, Stmt};
use super::tree::replace;

impl<'p> Machine<'p> {
    /// Calls `then` for each solution of expressions under `with`; `then` itself is not under it.
    pub(crate) fn with(
        &mut self,
        items: &'p [PlanWith],
        inner: &'p [Stmt],
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        let Some(mut other) = self.replacing(items)? else {
            return Ok(Flow::Next);
        };
        std::mem::swap(&mut self.context, &mut other);
        let flow = self.run(inner, &mut |machine| {
            std::mem::swap(&mut machine.context, &mut other);
            let flow = then(machine);
            std::mem::swap(&mut machine.context, &mut other);
            flow
        });
        std::mem::swap(&mut self.context, &mut other);
        flow
    }

    fn replacing(&mut self, items: &'p [PlanWith]) -> Run<Option<Replacements>> {
        let mut context = Replacements {
            input: self.context.input.clone(),
            data: self.context.data.clone(),
            targets: self.context.targets.clone(),
            mocks: self.context.mocks.clone(),
            memo: Memo::default(),
        };
        for item in items {
            match item {
                PlanWith::Input(path, value) => {
                    let (Some(path), Some(value)) = (self.eval_all(path)?, self.eval(value)?)
                    else {
                        return Ok(None);
                    };
                    context.input = Some(replace(context.input.take(), &path, value));
                }
                PlanWith::Data(path, value) => {
                    let (Some(path), Some(value)) = (self.eval_all(path)?, self.eval(value)?)
                    else {
                        return Ok(None);
                    };
                    context.data = Some(replace(context.data.take(), &path, value));
                    context.targets.push(path);
                }
                PlanWith::Function(callee, replacement) => {
                    let mock = match replacement {
                        Replacement::Callee(callee) => Mock::Callee(*callee),
                        Replacement::Value(expr) => match self.eval(expr)? {
                            Some(value) => Mock::Value(value),
                            None => return Ok(None),
                        },
                    };
                    context.mocks.push((*callee, mock));
                }
            }
        }
        Ok(Some(context))
    }
}
