//! Sets of Rego: sorted, distinct items.

use std::cmp::Ordering;

use super::Value;
use super::shared::Shared;

/// A set. Items are sorted in OPA's order and distinct.
#[derive(Clone, Debug)]
pub struct Set(pub(super) Shared<Value>);

impl Set {
    pub fn len(&self) -> usize {
        self.items().len()
    }

    /// Tells if the set is empty.
    pub fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    pub fn items(&self) -> &[Value] {
        self.0.items()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.items().iter()
    }

    /// Returns the item that equals a value.
    pub fn get(&self, value: &Value) -> Option<&Value> {
        self.items()
            .binary_search(value)
            .ok()
            .map(|at| &self.items()[at])
    }

    /// Tells if an item equals a value.
    pub fn contains(&self, value: &Value) -> bool {
        self.get(value).is_some()
    }

    /// Returns the items of both sets; items of this one are kept where they are equal.
    pub fn union(&self, other: &Set) -> Set {
        self.merge(other, true, true, true)
    }

    /// Returns the items that are in both sets.
    pub fn intersection(&self, other: &Set) -> Set {
        self.merge(other, false, true, false)
    }

    /// Returns the items that are not in the other set.
    pub fn difference(&self, other: &Set) -> Set {
        self.merge(other, true, false, false)
    }

    /// Returns the items to change them: moved when this is the only owner, copied otherwise.
    pub fn into_vec(self) -> Vec<Value> {
        self.0.into_items()
    }

    fn merge(&self, other: &Set, left: bool, both: bool, right: bool) -> Set {
        let (mut a, mut b) = (self.items(), other.items());
        let mut items = Vec::new();
        while let (Some((x, rest)), Some((y, others))) = (a.split_first(), b.split_first()) {
            match x.cmp(y) {
                Ordering::Less => {
                    if left {
                        items.push(x.clone());
                    }
                    a = rest;
                }
                Ordering::Equal => {
                    if both {
                        items.push(x.clone());
                    }
                    a = rest;
                    b = others;
                }
                Ordering::Greater => {
                    if right {
                        items.push(y.clone());
                    }
                    b = others;
                }
            }
        }
        if left {
            items.extend_from_slice(a);
        }
        if right {
            items.extend_from_slice(b);
        }
        Set(Shared::new(items))
    }
}

impl Default for Set {
    fn default() -> Set {
        Set(Shared::new(Vec::new()))
    }
}

impl FromIterator<Value> for Set {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Set {
        let mut builder = SetBuilder::default();
        for item in items {
            builder.insert(item);
        }
        builder.finish()
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Collects the items of a set in any order.
#[derive(Debug, Default)]
pub struct SetBuilder {
    items: Vec<Value>,
    unsorted: bool,
}

impl SetBuilder {
    /// Adds an item; the first of equal items is kept.
    pub fn insert(&mut self, item: Value) {
        if let Some(last) = self.items.last() {
            self.unsorted = self.unsorted || *last >= item;
        }
        self.items.push(item);
    }

    pub fn finish(mut self) -> Set {
        if self.unsorted {
            self.items.sort();
            self.items.dedup();
        }
        Set(Shared::new(self.items))
    }
}
