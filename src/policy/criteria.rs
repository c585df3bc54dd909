//! Selects rules by include and exclude criteria, scored as Conforma does.
//!
//! A criterion is `*`, `package`, `package.*`, `package.rule`, each optionally with `:term`, or
//! `@collection`. A result is selected if its includes score higher than its excludes. Unless the
//! behaviour of Conforma's `ec` is requested, three more cases match: the full name of a nested
//! package, and an include with a term or for a component opens its package.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Dialect,
    config::{Configuration, Group, Volatile, parse_time},
};
use crate::image::{DigestReference, Repository};

/// The criteria of one group of sources that are effective at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Criteria {
    everywhere: Lists,
    images: BTreeMap<String, Lists>,
    components: BTreeMap<String, Lists>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Lists {
    include: Vec<String>,
    exclude: Vec<String>,
}

/// A result to be compared with criteria.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodedResult<'a> {
    /// The code `package.rule`, where the package may be nested.
    pub(crate) code: &'a str,
    pub(crate) terms: &'a [String],
    /// The collections of the rule.
    pub(crate) collections: &'a [String],
}

impl Criteria {
    /// Collects the criteria of a group that are effective at the time.
    pub(crate) fn new(group: &Group, global: Option<&Configuration>, at: Timestamp) -> Self {
        let mut criteria = Self::default();
        if let Some(config) = &group.config {
            criteria.everywhere.include.clone_from(&config.include);
            criteria.everywhere.exclude.clone_from(&config.exclude);
        }
        if let Some(volatile) = &group.volatile_config {
            for entry in volatile.include.iter().filter(|entry| holds(entry, at)) {
                criteria.add(entry, |lists| &mut lists.include);
            }
            for entry in volatile.exclude.iter().filter(|entry| holds(entry, at)) {
                criteria.add(entry, |lists| &mut lists.exclude);
            }
        }
        let none = |side: fn(&Lists) -> &Vec<String>| {
            let scoped = criteria.images.values().chain(criteria.components.values());
            scoped
                .chain([&criteria.everywhere])
                .all(|lists| side(lists).is_empty())
        };
        let no_include = none(|lists| &lists.include);
        if let Some(global) = global
            && no_include
            && none(|lists| &lists.exclude)
        {
            let collections = global.collections.iter().map(|name| format!("@{name}"));
            let include = global.include.iter().cloned().chain(collections);
            criteria.everywhere.include.extend(include);
            criteria.everywhere.exclude.clone_from(&global.exclude);
        }
        if no_include && criteria.everywhere.include.is_empty() {
            criteria.everywhere.include.push("*".to_owned());
        }
        criteria
    }

    fn add(&mut self, entry: &Volatile, side: fn(&mut Lists) -> &mut Vec<String>) {
        let value = entry.value.clone();
        let image = [&entry.image_ref, &entry.image_url, &entry.image_digest];
        if let Some(image) = image.into_iter().find(|image| !image.is_empty()) {
            side(self.images.entry(image.clone()).or_default()).push(value);
        } else if entry.component_names.is_empty() {
            side(&mut self.everywhere).push(value);
        } else {
            for name in &entry.component_names {
                side(self.components.entry(name.clone()).or_default()).push(value.clone());
            }
        }
    }

    /// Returns the criteria for one image. Without an image only unscoped criteria apply.
    pub(crate) fn select(
        &self,
        image: Option<&DigestReference>,
        component: &str,
        dialect: Dialect,
    ) -> RuleSelection {
        let mut selection = RuleSelection {
            dialect,
            ..RuleSelection::default()
        };
        let mut expected = Vec::new();
        if let Some(image) = image {
            let meant = self
                .images
                .iter()
                .filter(|(key, _)| matches_image(key, image, dialect));
            for (_, lists) in meant {
                expected.extend(lists.include.iter().cloned());
                selection.all.add(lists.clone());
            }
            selection.opening = selection.all.clone();
            for name in [Some(component), child_of(component)].into_iter().flatten() {
                selection
                    .all
                    .add(self.components.get(name).cloned().unwrap_or_default());
            }
        }
        if dialect == Dialect::Conforma {
            // Conforma's ec also warns of includes for other images.
            expected = self
                .images
                .values()
                .flat_map(|lists| lists.include.clone())
                .collect();
        }
        expected.extend(self.everywhere.include.iter().cloned());
        if dialect == Dialect::Promote {
            selection.opening = selection.all.clone();
        }
        selection.all.add(self.everywhere.clone());
        selection.opening.add(self.everywhere.clone());
        selection.expected = expected;
        selection
    }
}

impl Lists {
    fn add(&mut self, other: Self) {
        self.include.extend(other.include);
        self.exclude.extend(other.exclude);
    }
}

/// The criteria for one image of one component.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleSelection {
    all: Lists,
    opening: Lists,
    expected: Vec<String>,
    dialect: Dialect,
}

impl RuleSelection {
    /// Tells whether a result is selected. Criteria cannot name a result without a code, so it always is.
    pub(crate) fn includes(&self, candidate: Option<CodedResult<'_>>) -> bool {
        let Some(candidate) = candidate else {
            return true;
        };
        let matchers = matchers(candidate, self.dialect);
        total(&self.all.include, &matchers) > total(&self.all.exclude, &matchers)
    }

    /// Tells whether only an exclude prevents the selection of a result.
    pub(crate) fn excepts(&self, candidate: CodedResult<'_>) -> bool {
        let matchers = matchers(candidate, self.dialect);
        let include = total(&self.all.include, &matchers);
        include > 0 && include <= total(&self.all.exclude, &matchers)
    }

    /// Tells whether a rule can return a selected result, so that its package has to be evaluated.
    pub(crate) fn opens(&self, code: &str, collections: &[String]) -> bool {
        let candidate = CodedResult {
            code,
            terms: &[],
            collections,
        };
        let matchers = matchers(candidate, self.dialect);
        let mut include = total(&self.opening.include, &matchers);
        if self.dialect == Dialect::Promote {
            let terms = self.opening.include.iter().filter(|criterion| {
                let name = criterion.split_once(':').map(|(name, _)| name);
                name.is_some_and(|name| matchers.iter().any(|matcher| matcher == name))
            });
            include += terms.map(|criterion| score(criterion)).sum::<u32>();
        }
        include > total(&self.opening.exclude, &matchers)
    }

    /// Tells whether a rule without a code can return a selected result. The codes of its results are
    /// unknown before evaluation, so any include for its package may match.
    pub(crate) fn opens_unnamed(&self, package: &str, rule: &str) -> bool {
        let short = package.rsplit_once('.').map_or(package, |(_, last)| last);
        let named = self.opening.include.iter().filter_map(|criterion| {
            let name = criterion
                .split_once(':')
                .map_or(&**criterion, |(name, _)| name);
            let (of, rule) = name.rsplit_once('.')?;
            (of == short || of == package).then_some(rule)
        });
        let mut possible = named.chain([rule]);
        possible.any(|rule| self.opens(&format!("{package}.{rule}"), &[]))
    }

    /// Returns the includes that match none of the candidates, without duplicates.
    pub(crate) fn unmatched<'a>(
        &self,
        candidates: impl Iterator<Item = CodedResult<'a>>,
    ) -> Vec<&str> {
        let matched: std::collections::BTreeSet<String> = candidates
            .flat_map(|candidate| matchers(candidate, self.dialect))
            .collect();
        let mut unmatched: Vec<&str> = Vec::new();
        for criterion in &self.expected {
            if !matched.contains(criterion) && !unmatched.contains(&criterion.as_str()) {
                unmatched.push(criterion);
            }
        }
        unmatched
    }
}

/// Tells whether the key of an entry, a repository or a digest, matches the image. Short and long names
/// of Docker Hub repositories are equal; Conforma's `ec` compares texts.
fn matches_image(key: &str, image: &DigestReference, dialect: Dialect) -> bool {
    if key == image.digest.to_string() {
        return true;
    }
    let repository = image.repository.to_string();
    let theirs = match repository.strip_prefix("docker.io/") {
        Some(path) => format!("index.docker.io/{path}"),
        None => repository,
    };
    let same = |named: Repository| named == image.repository;
    key == theirs || (dialect == Dialect::Promote && key.parse().is_ok_and(same))
}

/// Returns the name without the suffix of an index's child.
fn child_of(name: &str) -> Option<&str> {
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let is_suffix = |suffix: &str| {
        let digest = suffix.get(..64).unwrap_or_default();
        let arch = suffix.get(64..).and_then(|rest| rest.strip_prefix('-'));
        digest.bytes().all(lower_hex)
            && arch.is_some_and(|arch| !arch.is_empty() && !arch.contains(char::is_whitespace))
    };
    let mut suffixes = name.match_indices("-sha256:");
    let (at, _) =
        suffixes.find(|(at, start)| name.get(at + start.len()..).is_some_and(is_suffix))?;
    name.get(..at)
}

fn holds(entry: &Volatile, at: Timestamp) -> bool {
    // Malformed dates were refused earlier; here they never match.
    let holds = |text: &str, holds: &dyn Fn(Timestamp) -> bool| {
        text.is_empty() || parse_time(text).is_some_and(holds)
    };
    holds(&entry.effective_on, &|from| from <= at)
        && holds(&entry.effective_until, &|until| at <= until)
}

fn total(criteria: &[String], matchers: &[String]) -> u32 {
    let matched = criteria
        .iter()
        .filter(|criterion| matchers.contains(criterion));
    matched.map(|criterion| score(criterion)).sum()
}

/// Returns the score of a criterion, which is higher for a more specific one.
fn score(criterion: &str) -> u32 {
    if criterion.starts_with('@') {
        return 10;
    }
    let (name, term) = criterion.split_once(':').unwrap_or((criterion, ""));
    let (package, rule) = name.rsplit_once('.').unwrap_or((name, ""));
    let segments = package.split('.').count();
    let mut value = match package {
        "*" => 1,
        _ => 10 * u32::try_from(segments).unwrap_or(u32::MAX / 100),
    };
    if !rule.is_empty() && rule != "*" {
        value += 100;
    }
    if !term.is_empty() {
        value += 100;
    }
    value
}

/// Returns every criterion that matches the candidate.
fn matchers(candidate: CodedResult<'_>, dialect: Dialect) -> Vec<String> {
    let (full, rule) = candidate
        .code
        .rsplit_once('.')
        .unwrap_or((candidate.code, ""));
    let short = full.rsplit_once('.').map_or(full, |(_, last)| last);
    let mut packages = vec![short];
    if dialect == Dialect::Promote && full != short {
        packages.push(full);
    }
    if dialect == Dialect::Conforma && !candidate.code.contains('.') {
        packages.clear();
    }
    let mut names = Vec::new();
    for package in packages {
        names.extend([package.to_owned(), format!("{package}.*")]);
        if !rule.is_empty() {
            names.push(format!("{package}.{rule}"));
        }
    }
    let with_term = candidate.terms.iter().filter(|term| !term.is_empty());
    let with_terms: Vec<String> = with_term
        .flat_map(|term| names.iter().map(move |name| format!("{name}:{term}")))
        .collect();
    names.extend(with_terms);
    names.push("*".to_owned());
    names.extend(candidate.collections.iter().map(|name| format!("@{name}")));
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
