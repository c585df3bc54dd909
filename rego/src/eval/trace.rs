//! Records of an evaluation: places that were visited, and the expression that failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::Place;
use super::machine::Machine;
use super::plan::Stmt;
use super::session::Bindings;

/// Record of an evaluation for tests and coverage.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Expressions and heads that were evaluated.
    pub(crate) visited: BTreeSet<(u32, u32, u32)>,
    pub(crate) failure: Option<(Place, Bindings)>,
}

impl Trace {
    pub(crate) fn visit(&mut self, place: Place) {
        self.visited.insert((place.file, place.line, place.end));
    }
}

impl<'p> Machine<'p> {
    /// Notes the expression that failed last in the outermost rule.
    #[inline]
    pub(crate) fn failed(&mut self, stmt: &'p Stmt) {
        if self.trace.is_some() && self.rules.len() == 1 {
            self.note_failure(stmt);
        }
    }

    #[cold]
    fn note_failure(&mut self, stmt: &'p Stmt) {
        let Some(branch) = self.rules.last().and_then(|set| {
            let rules = self.plan.sets.get(*set)?;
            let mut branches = rules.rules.iter().filter_map(|rule| rule.variants.first());
            branches.find(|branch| {
                branch.place.file == stmt.place.file
                    && branch.place.start <= stmt.place.start
                    && stmt.place.end <= branch.place.end
            })
        }) else {
            return;
        };
        let mut values = Vec::new();
        for (slot, name) in branch.names.iter().enumerate() {
            if let (Some(name), Some(value)) = (name, self.slots.get(self.frame + slot)) {
                values.push((Arc::clone(name), value.clone()));
            }
        }
        if let Some(trace) = &mut self.trace {
            let later = trace
                .failure
                .as_ref()
                .is_none_or(|(place, _)| place.start <= stmt.place.start);
            if later {
                trace.failure = Some((stmt.place, values));
            }
        }
    }
}
