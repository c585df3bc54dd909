//! References of rules to facts and to other rules.

use std::collections::BTreeSet;

use super::SetId;
use crate::value::Value;

/// A path below `input` or `data`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Facts {
    pub(crate) input: bool,
    pub(crate) path: Vec<Value>,
}

impl Facts {
    /// Tells if a reference to one path reads (a part of) the other.
    pub(crate) fn overlaps(&self, other: &Facts) -> bool {
        self.input == other.input && self.path.iter().zip(&other.path).all(|(a, b)| a == b)
    }
}

/// Facts and rules that a rule refers to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    pub(crate) sets: BTreeSet<SetId>,
    /// The known prefix of each reference.
    pub(crate) facts: BTreeSet<Facts>,
    /// Calls functions of the host, or functions whose value is another one with each call.
    pub(crate) impure: bool,
    /// Watched facts that the rule refers to, itself or through others, as bits.
    pub(crate) watched: u64,
}

impl Uses {
    fn absorb(&mut self, other: &Uses) -> bool {
        let before = (self.facts.len(), self.sets.len(), self.impure);
        self.facts.extend(other.facts.iter().cloned());
        self.sets.extend(other.sets.iter().copied());
        self.impure |= other.impure;
        before != (self.facts.len(), self.sets.len(), self.impure)
    }

    /// Tells if a fact is referred to.
    pub(crate) fn refers_to(&self, facts: &Facts) -> bool {
        self.facts.iter().any(|own| own.overlaps(facts))
    }

    pub(crate) fn reads_input(&self) -> bool {
        self.facts.iter().any(|facts| facts.input)
    }
}

/// Adds what rules use through other rules.
pub(crate) fn close(direct: Vec<Uses>) -> Vec<Uses> {
    let mut state = vec![Visit::New; direct.len()];
    let mut uses = direct;
    for start in 0..uses.len() {
        visit(start, &mut uses, &mut state);
    }
    // Rules that reach each other through dynamic references.
    if state.contains(&Visit::Circular) {
        let mut changed = true;
        while changed {
            changed = false;
            for at in 0..uses.len() {
                changed |= absorb_callees(at, &mut uses);
            }
        }
    }
    uses
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    Open,
    Done,
    Circular,
}

/// Visits rules depth first, without recursion: chains of rules may be long.
fn visit(start: SetId, uses: &mut [Uses], state: &mut [Visit]) {
    let mut stack = vec![(start, false)];
    while let Some((at, leaving)) = stack.pop() {
        if leaving {
            absorb_callees(at, uses);
            if state[at] == Visit::Open {
                state[at] = Visit::Done;
            }
            continue;
        }
        match state[at] {
            Visit::New => {
                state[at] = Visit::Open;
                stack.push((at, true));
                stack.extend(uses[at].sets.iter().map(|callee| (*callee, false)));
            }
            Visit::Open => state[at] = Visit::Circular,
            Visit::Done | Visit::Circular => {}
        }
    }
}

fn absorb_callees(at: SetId, uses: &mut [Uses]) -> bool {
    let mut own = std::mem::take(&mut uses[at]);
    let callees: Vec<SetId> = own
        .sets
        .iter()
        .copied()
        .filter(|callee| *callee != at)
        .collect();
    let mut changed = false;
    for callee in callees {
        changed |= own.absorb(&uses[callee]);
    }
    uses[at] = own;
    changed
}
