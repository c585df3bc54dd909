//! Planning of references: the start of a reference is known before it is evaluated.

use std::sync::Arc;

use super::build::{Planned, Planner, SlotScope};
use super::depends::Facts;
use super::{Path, PlanExpr, Scan, Source, Step, Stmt, StmtKind};
use crate::compile::program::{CompiledTerm, CompiledTermKind, Ref, RefHead};
use crate::value::Value;

/// The start of a reference and the number of keys that it covers.
struct Start {
    source: Source,
    covered: usize,
    reads: u64,
}

impl Planner<'_> {
    /// Plans a reference whose keys are all known.
    pub(super) fn path(
        &mut self,
        scope: &mut SlotScope,
        reference: &Ref,
        out: &mut Vec<Stmt>,
    ) -> Planned<PlanExpr> {
        let start = self.start(reference);
        let mut steps = Vec::new();
        for term in reference.path.iter().skip(start.covered) {
            // Keys are looked up by reference, so they are constants or slots.
            steps.push(match self.value(scope, term, out)? {
                simple @ (PlanExpr::Const(_) | PlanExpr::Slot(_)) => simple,
                other => {
                    let slot = scope.temporary();
                    let place = self.place(term.span);
                    out.push(Stmt {
                        place,
                        kind: StmtKind::Let(slot, other),
                    });
                    PlanExpr::Slot(slot)
                }
            });
        }
        let (source, reads) = (start.source, start.reads);
        Ok(PlanExpr::Path(Arc::new(Path {
            source,
            steps,
            reads,
        })))
    }

    /// Tells if a reference to `data` depends on a key that is only known when it is evaluated.
    pub(super) fn dynamic(&mut self, reference: &Ref) -> bool {
        reference.head == RefHead::Data && {
            let start = self.start(reference);
            matches!(start.source, Source::Tree(_)) && start.covered < reference.path.len()
        }
    }

    /// Plans a reference with keys that are found by enumeration; they are bound behind it.
    pub(super) fn scan(
        &mut self,
        scope: &mut SlotScope,
        reference: &Ref,
        out: &mut Vec<Stmt>,
    ) -> Planned<Scan> {
        let start = self.start(reference);
        let mut steps = Vec::new();
        for term in reference.path.iter().skip(start.covered) {
            steps.push(if self.ground(scope, term) {
                Step::Get(self.value(scope, term, out)?)
            } else {
                Step::Each(self.pattern(scope, term, out)?)
            });
        }
        Ok(Scan {
            source: start.source,
            steps,
            reads: start.reads,
        })
    }

    fn start(&mut self, reference: &Ref) -> Start {
        match reference.head {
            RefHead::Slot(slot) => Start {
                source: Source::Slot(slot.0 as usize),
                covered: 0,
                reads: 0,
            },
            RefHead::Input => {
                let reads = self.note(Facts {
                    input: true,
                    path: prefix(&reference.path),
                });
                Start {
                    source: Source::Input,
                    covered: 0,
                    reads,
                }
            }
            RefHead::Data => self.data(&reference.path),
        }
    }

    /// Follows the known keys of a reference to `data` through packages and rules.
    fn data(&mut self, path: &[CompiledTerm]) -> Start {
        let mut node = 0;
        for (at, key) in prefix(path).iter().enumerate() {
            let child = key.as_str().and_then(|name| {
                self.layout
                    .nodes
                    .get(node)
                    .and_then(|node| node.children.get(name))
            });
            let Some(child) = child else {
                let reads = self.note(Facts {
                    input: false,
                    path: prefix(path),
                });
                return Start {
                    source: Source::Base,
                    covered: 0,
                    reads,
                };
            };
            node = *child;
            if let Some(set) = self.layout.nodes.get(node).and_then(|node| node.set) {
                self.uses.sets.insert(set);
                return Start {
                    source: Source::Rule(set),
                    covered: at + 1,
                    reads: 0,
                };
            }
        }
        let below = self.sets_below(node);
        self.uses.sets.extend(below);
        let known = prefix(path);
        let covered = known.len();
        let reads = self.note(Facts {
            input: false,
            path: known,
        });
        Start {
            source: Source::Tree(node),
            covered,
            reads,
        }
    }
}

/// Returns the leading keys of a path that are constants.
fn prefix(path: &[CompiledTerm]) -> Vec<Value> {
    path.iter()
        .map_while(|term| match &term.kind {
            CompiledTermKind::String(text) => Some(Value::String(Arc::clone(text))),
            _ => None,
        })
        .collect()
}
