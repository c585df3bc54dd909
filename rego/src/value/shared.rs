//! Shared slices with a hash that is computed once.

use std::fmt;
use std::hash::{Hash, Hasher as _};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHasher;

use super::Value;

/// A shared, immutable sequence; the hash of its items is kept after its first use.
pub(super) struct Shared<T>(Arc<Inner<T>>);

struct Inner<T> {
    items: Vec<T>,
    hash: AtomicU64,
}

impl<T> Shared<T> {
    pub(super) fn new(items: Vec<T>) -> Self {
        Shared(Arc::new(Inner {
            items,
            hash: AtomicU64::new(0),
        }))
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn items(&self) -> &[T] {
        &self.0.items
    }
}

impl<T: Clone> Shared<T> {
    /// Returns the items to change them: moved when this is the only owner, copied otherwise.
    pub(super) fn into_items(self) -> Vec<T> {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.items,
            Err(shared) => shared.items.clone(),
        }
    }
}

impl<T: Hash> Shared<T> {
    pub(super) fn hash_once(&self) -> u64 {
        let known = self.0.hash.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let mut hasher = FxHasher::default();
        self.0.items.len().hash(&mut hasher);
        for item in &self.0.items {
            item.hash(&mut hasher);
        }
        let hash = hasher.finish().max(1);
        self.0.hash.store(hash, Ordering::Relaxed);
        hash
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.items.fmt(f)
    }
}

#[derive(Clone, Debug)]
pub struct Array(pub(super) Shared<Value>);

impl Array {
    /// Returns the items to change them: moved when this is the only owner, copied otherwise.
    pub fn into_vec(self) -> Vec<Value> {
        self.0.into_items()
    }
}

impl Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        self.0.items()
    }
}

impl From<Vec<Value>> for Array {
    fn from(items: Vec<Value>) -> Array {
        Array(Shared::new(items))
    }
}

impl FromIterator<Value> for Array {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Array {
        Array::from(items.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
