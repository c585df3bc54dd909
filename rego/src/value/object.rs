//! Objects of Rego: entries sorted by key.

use super::Value;
use super::shared::Shared;

/// An object. Entries are sorted by key in OPA's order, keys are distinct.
#[derive(Clone, Debug)]
pub struct Object(pub(super) Shared<(Value, Value)>);

impl Object {
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Tells if the object is empty.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Returns the entries in order of their keys.
    pub fn entries(&self) -> &[(Value, Value)] {
        self.0.items()
    }

    /// Returns the entries in order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.entries().iter().map(|(key, value)| (key, value))
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries().iter().map(|(key, _)| key)
    }

    /// Returns the values in order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries().iter().map(|(_, value)| value)
    }

    /// Returns the value at a key.
    pub fn get(&self, key: &Value) -> Option<&Value> {
        if let Value::String(name) = key {
            return self.get_str(name);
        }
        self.position(key).map(|at| &self.entries()[at].1)
    }

    /// Returns the value at a string key.
    pub fn get_str(&self, name: &str) -> Option<&Value> {
        let at = self
            .entries()
            .binary_search_by(|(key, _)| match key {
                Value::String(text) => text.as_ref().cmp(name),
                Value::Null | Value::Bool(_) | Value::Number(_) => std::cmp::Ordering::Less,
                Value::Array(_) | Value::Object(_) | Value::Set(_) => std::cmp::Ordering::Greater,
            })
            .ok()?;
        Some(&self.entries()[at].1)
    }

    /// Returns the entry at a key, with the key as it was written.
    pub fn entry(&self, key: &Value) -> Option<(&Value, &Value)> {
        self.position(key).map(|at| {
            let (key, value) = &self.entries()[at];
            (key, value)
        })
    }

    /// Tells if there is an entry at a key.
    pub fn contains_key(&self, key: &Value) -> bool {
        self.get(key).is_some()
    }

    /// Returns an object with one more or one other entry.
    pub fn with(self, key: Value, value: Value) -> Object {
        let found = self
            .entries()
            .binary_search_by(|(other, _)| other.cmp(&key));
        let mut entries = self.0.into_items();
        match found {
            Ok(at) => entries[at].1 = value,
            Err(at) => entries.insert(at, (key, value)),
        }
        Object(Shared::new(entries))
    }

    /// Returns an object without an entry.
    pub fn without(self, key: &Value) -> Object {
        let Some(at) = self.position(key) else {
            return self;
        };
        let mut entries = self.0.into_items();
        entries.remove(at);
        Object(Shared::new(entries))
    }

    /// Returns the entries to change them: moved when this is the only owner, copied otherwise.
    pub fn into_entries(self) -> Vec<(Value, Value)> {
        self.0.into_items()
    }

    fn position(&self, key: &Value) -> Option<usize> {
        self.entries()
            .binary_search_by(|(other, _)| other.cmp(key))
            .ok()
    }
}

impl Default for Object {
    fn default() -> Object {
        Object(Shared::new(Vec::new()))
    }
}

impl FromIterator<(Value, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(entries: I) -> Object {
        let mut builder = ObjectBuilder::default();
        builder.extend(entries);
        builder.finish()
    }
}

/// Collects the entries of an object in any order.
#[derive(Debug, Default)]
pub struct ObjectBuilder {
    entries: Vec<(Value, Value)>,
    unsorted: bool,
}

impl ObjectBuilder {
    /// Returns a builder with room for entries.
    pub fn with_capacity(capacity: usize) -> ObjectBuilder {
        ObjectBuilder {
            entries: Vec::with_capacity(capacity),
            unsorted: false,
        }
    }

    /// Adds an entry; of two entries with equal keys the last one is kept.
    pub fn insert(&mut self, key: Value, value: Value) {
        if let Some((last, _)) = self.entries.last() {
            self.unsorted = self.unsorted || *last >= key;
        }
        self.entries.push((key, value));
    }

    pub fn finish(mut self) -> Object {
        if self.unsorted {
            self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            self.entries.dedup_by(|(later, value), (key, kept)| {
                let equal = later == key;
                if equal {
                    std::mem::swap(kept, value);
                }
                equal
            });
        }
        Object(Shared::new(self.entries))
    }

    /// Returns the object.
    ///
    /// # Errors
    /// The first key that was given two different values.
    pub fn finish_distinct(mut self) -> Result<Object, Value> {
        if self.unsorted {
            self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            for pair in self.entries.windows(2) {
                if let [(first, one), (second, other)] = pair
                    && first == second
                    && one != other
                {
                    return Err(first.clone());
                }
            }
            self.entries.dedup_by(|(later, _), (key, _)| later == key);
        }
        Ok(Object(Shared::new(self.entries)))
    }
}

impl Extend<(Value, Value)> for ObjectBuilder {
    fn extend<I: IntoIterator<Item = (Value, Value)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}
