//! Index of the rules of a path: conditions on `input`, `data` and arguments without which OPA does not evaluate a rule
//! at all, so that the rule's errors do not occur either (`ast/index.go`).
//!
//! A condition comes from an expression `input.x`, `input.x = v`, `v in input.x`, `input.x in {…}` or `glob.match` of a
//! body, also below `and` and `or`. It only excludes rules that cannot hold.

mod requirements;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Facts, Layout};
use crate::compile::program::{self, Slot};
use crate::value::Value;

pub(crate) use requirements::split;

/// The ways to reach a rule: one of them is enough.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) paths: Vec<Vec<Condition>>,
    /// Watched facts that the conditions read, as bits.
    pub(crate) reads: u64,
}

/// A condition on one document: it has one of the accepted values.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) site: Arc<Site>,
    /// Any of them; the document is defined in any case.
    pub(crate) accepts: Vec<Accept>,
    /// Delimiters of `glob.match`: a string is also compared in parts.
    pub(crate) delimiters: Arc<[Box<str>]>,
}

/// A document that conditions are about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Site {
    Input(Vec<Value>),
    Data(Vec<Value>),
    Arg(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Accept {
    Any,
    /// The value, or a collection with it.
    Scalar(Value),
    /// An array of this length; `None` for elements of any kind.
    Array(Box<[Option<Value>]>),
}

/// A condition before all rules of the path are known.
#[derive(Debug, Clone, PartialEq)]
struct Requirement {
    site: Site,
    value: Required,
    delimiter: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Required {
    /// Defined, and the value of a variable.
    Slot(Slot),
    Defined,
    Value(Value),
    Array(Box<[Option<Value>]>),
}

impl Required {
    fn is_var(&self) -> bool {
        matches!(self, Required::Slot(_) | Required::Defined)
    }

    fn accept(&self) -> Accept {
        match self {
            Required::Slot(_) | Required::Defined => Accept::Any,
            Required::Array(items) => Accept::Array(items.clone()),
            Required::Value(Value::Array(items)) => {
                let items = items.iter().map(|item| scalar(item).then(|| item.clone()));
                Accept::Array(items.collect())
            }
            Required::Value(value) if scalar(value) => Accept::Scalar(value.clone()),
            Required::Value(_) => Accept::Any,
        }
    }
}

pub(crate) fn scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_) | Value::Set(_))
}

type Alternatives = Vec<Vec<Requirement>>;

/// Returns for each rule the guards of its branches, in the order of `else`.
pub(super) fn guards(
    layout: &Layout,
    rules: &[&program::CompiledRule],
) -> Vec<Vec<Option<Arc<Guard>>>> {
    let mut frequency = Frequency::default();
    let mut delimiters: HashMap<Site, Vec<Box<str>>> = HashMap::new();
    let mut paths = Vec::new();
    for rule in rules {
        let branches =
            std::iter::successors(Some(&rule.branch), |branch| branch.otherwise.as_deref());
        let branches: Vec<Alternatives> = branches
            .map(|branch| requirements::alternatives(layout, branch, &mut frequency))
            .collect();
        for requirement in branches.iter().flatten().flatten() {
            if let Some(delimiter) = &requirement.delimiter {
                let known = delimiters.entry(requirement.site.clone()).or_default();
                if !known.contains(delimiter) {
                    known.push(delimiter.clone());
                }
            }
        }
        paths.push(branches);
    }
    let sorted: Vec<Arc<Site>> = frequency.sorted().into_iter().map(Arc::new).collect();
    let delimiters: HashMap<Site, Arc<[Box<str>]>> = delimiters
        .into_iter()
        .map(|(site, known)| (site, known.into()))
        .collect();
    let guard = |alternatives: Alternatives| guard(layout, &sorted, &delimiters, alternatives);
    paths
        .into_iter()
        .map(|branches| branches.into_iter().map(guard).collect())
        .collect()
}

fn guard(
    layout: &Layout,
    sorted: &[Arc<Site>],
    delimiters: &HashMap<Site, Arc<[Box<str>]>>,
    alternatives: Alternatives,
) -> Option<Arc<Guard>> {
    let mut paths = Vec::with_capacity(alternatives.len());
    for path in &alternatives {
        let mut conditions = Vec::new();
        for site in sorted {
            let values: Vec<&Required> = path
                .iter()
                .filter(|other| other.site == **site)
                .map(|other| &other.value)
                .collect();
            let several = values.len() > 1;
            let accepts: Vec<Accept> = match values.iter().find(|value| several && value.is_var()) {
                Some(_) => vec![Accept::Any],
                None => values.iter().map(|value| value.accept()).collect(),
            };
            if accepts.is_empty() {
                continue;
            }
            // OPA ends the path behind a document with several values.
            let last = accepts.len() > 1;
            let delimiters = delimiters.get(site).cloned().unwrap_or_default();
            conditions.push(Condition {
                site: Arc::clone(site),
                accepts,
                delimiters,
            });
            if last {
                break;
            }
        }
        if conditions.is_empty() {
            return None;
        }
        paths.push(conditions);
    }
    if paths.is_empty() {
        return None;
    }
    let sites = paths.iter().flatten().map(|condition| &*condition.site);
    let reads = sites.fold(0, |bits, site| bits | watched(layout, site));
    Some(Arc::new(Guard { paths, reads }))
}

/// Returns the watched facts that overlap with a document, as bits.
fn watched(layout: &Layout, site: &Site) -> u64 {
    let (input, path) = match site {
        Site::Input(path) => (true, path),
        Site::Data(path) => (false, path),
        Site::Arg(_) => return 0,
    };
    let path = path
        .iter()
        .take_while(|key| key.as_str().is_some())
        .cloned()
        .collect();
    let facts = Facts { input, path };
    let overlapping = layout
        .watched
        .iter()
        .enumerate()
        .take(63)
        .filter(|(_, watched)| watched.overlaps(&facts));
    overlapping.fold(0, |bits, (at, _)| bits | 1 << at)
}

/// Occurrences of a document, and its first place: frequent ones come first in OPA's index.
#[derive(Default)]
struct Frequency {
    sites: Vec<(Site, u32, u32)>,
}

impl Frequency {
    fn count(&mut self, site: &Site, place: u32) {
        match self.sites.iter_mut().find(|(known, ..)| known == site) {
            Some((_, count, _)) => *count += 1,
            None => self.sites.push((site.clone(), 1, place)),
        }
    }

    fn sorted(mut self) -> Vec<Site> {
        self.sites
            .sort_by_key(|(_, count, place)| (std::cmp::Reverse(*count), *place));
        self.sites.into_iter().map(|(site, ..)| site).collect()
    }
}
