//! Objects that grow while rules with keys are evaluated.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::value::{ObjectBuilder, SetBuilder, Value};

#[derive(Debug, Default)]
pub(crate) struct Growing {
    members: BTreeMap<Value, Member>,
}

#[derive(Debug)]
enum Member {
    Value(Value),
    Set(SetBuilder),
    Object(Growing),
}

impl Growing {
    /// Adds a value at keys; as an element of a set if the rule has `contains`. Returns false if
    /// another value is there, or a value above or below.
    pub(crate) fn insert(&mut self, keys: Vec<Value>, value: Value, element: bool) -> bool {
        let mut members = &mut self.members;
        let mut keys = keys.into_iter().peekable();
        while let Some(key) = keys.next() {
            if keys.peek().is_none() {
                return last(members.entry(key), value, element);
            }
            let below = members
                .entry(key)
                .or_insert_with(|| Member::Object(Growing::default()));
            match below {
                Member::Object(object) => members = &mut object.members,
                Member::Value(_) | Member::Set(_) => return false,
            }
        }
        false
    }

    pub(crate) fn finish(self) -> Value {
        let mut object = ObjectBuilder::with_capacity(self.members.len());
        for (key, member) in self.members {
            object.insert(key, member.finish());
        }
        Value::Object(object.finish())
    }

    /// Tells if a finished value equals the object so far.
    fn equals(&self, value: &Value) -> bool {
        let Value::Object(object) = value else {
            return false;
        };
        object.len() == self.members.len()
            && self
                .members
                .iter()
                .all(|(key, member)| match (object.get(key), member) {
                    (Some(value), Member::Value(own)) => own == value,
                    (Some(value), Member::Object(own)) => own.equals(value),
                    _ => false,
                })
    }
}

impl Member {
    fn finish(self) -> Value {
        match self {
            Member::Value(value) => value,
            Member::Set(items) => Value::Set(items.finish()),
            Member::Object(object) => object.finish(),
        }
    }
}

fn last(entry: Entry<'_, Value, Member>, value: Value, element: bool) -> bool {
    match entry {
        Entry::Vacant(vacant) => {
            vacant.insert(if element {
                let mut items = SetBuilder::default();
                items.insert(value);
                Member::Set(items)
            } else {
                Member::Value(value)
            });
            true
        }
        Entry::Occupied(mut occupied) => match (occupied.get_mut(), element) {
            (Member::Set(items), true) => {
                items.insert(value);
                true
            }
            (Member::Value(other), false) => *other == value,
            (Member::Object(object), false) => object.equals(&value),
            _ => false,
        },
    }
}
