//! Finds the facts that a rule refers to, by its text and that of every rule it may reach.
//!
//! Texts are only split into names, so the result is a superset in doubtful cases: a shadowed name,
//! a computed member, or `input` as a whole refers to more than the rule may read. The Rego engine
//! is not involved.

mod names;

use std::collections::{BTreeMap, BTreeSet};

use names::{Name, RegoToken};

use super::rego::{Module, Rule};

/// The clauses of a policy with the names in them.
#[derive(Debug, Default)]
pub(super) struct References {
    clauses: Vec<Clause>,
}

#[derive(Debug)]
struct Clause {
    file: String,
    line: u32,
    path: String,
    names: Vec<Name>,
    /// The codes of results in the text of the clause.
    codes: BTreeSet<String>,
}

impl References {
    /// Collects the names in the texts of the rules.
    pub(super) fn of<'r>(modules: &[Module], rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut by_file: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
        let mut own: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for rule in rules {
            by_file.entry(&rule.place.file).or_default().push(rule);
            let first = rule.name.split(['.', '[']).next().unwrap_or(&rule.name);
            own.entry(&rule.package).or_default().insert(first);
        }
        let nothing = BTreeSet::new();
        let mut clauses = Vec::new();
        for module in modules {
            let Some(rules) = by_file.get(module.file.as_str()) else {
                continue;
            };
            let tokens = names::tokens(&module.source);
            let aliases = names::aliases(&tokens);
            let starts: BTreeSet<u32> = rules.iter().map(|rule| rule.place.line).collect();
            for rule in rules {
                let line = rule.place.line;
                let next = starts.range(line + 1..).next().copied();
                let within = |token: &&RegoToken| {
                    token.line >= line && next.is_none_or(|next| token.line < next)
                };
                let tokens: Vec<&RegoToken> = tokens.iter().filter(within).collect();
                let own = own.get(rule.package.as_str()).unwrap_or(&nothing);
                let path = format!("{}.{}", rule.package, rule.name);
                // The head contains the rule's own name, to which its body cannot refer.
                let named = names::names(&tokens, &rule.package, own, &aliases);
                clauses.push(Clause {
                    file: module.file.clone(),
                    line,
                    names: named
                        .into_iter()
                        .filter(|name| *name != Name::Data(path.clone()))
                        .collect(),
                    path,
                    codes: names::codes(&tokens),
                });
            }
        }
        Self { clauses }
    }

    /// Returns the codes of results in the text of the clause.
    pub(super) fn codes(&self, file: &str, line: u32) -> impl Iterator<Item = &str> {
        let own = self.at(file, line);
        own.flat_map(|clause| clause.codes.iter().map(String::as_str))
    }

    /// Tells whether one of the clauses, or a rule that they reach, refers to the fact.
    pub(super) fn refers(&self, roots: &[(&str, u32)], fact: &str) -> bool {
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        let roots = roots
            .iter()
            .flat_map(|(file, line)| self.positions(file, *line));
        let mut open: Vec<usize> = roots.collect();
        while let Some(at) = open.pop() {
            let Some(clause) = self.clauses.get(at).filter(|_| reached.insert(at)) else {
                continue;
            };
            for name in &clause.names {
                match name {
                    Name::Fact(name) if related(name, fact) => return true,
                    Name::Fact(_) => {}
                    Name::Data(path) => {
                        let related = self.clauses.iter().enumerate();
                        let related = related.filter(|(_, other)| related_data(path, &other.path));
                        open.extend(related.map(|(at, _)| at));
                    }
                }
            }
        }
        false
    }

    fn positions(&self, file: &str, line: u32) -> impl Iterator<Item = usize> {
        let own = self.clauses.iter().enumerate();
        let own = own.filter(move |(_, clause)| clause.file == file && clause.line == line);
        own.map(|(at, _)| at)
    }

    fn at(&self, file: &str, line: u32) -> impl Iterator<Item = &Clause> {
        let own = self.clauses.iter();
        own.filter(move |clause| clause.file == file && clause.line == line)
    }
}

/// Tells whether one path is the other or lies below it.
fn related(a: &str, b: &str) -> bool {
    let below = |path: &str, above: &str| {
        let rest = path.strip_prefix(above);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    below(a, b) || below(b, a)
}

/// Compares paths below `data`, where the path of `data` itself is empty.
fn related_data(a: &str, b: &str) -> bool {
    a.is_empty() || related(a, b)
}

#[cfg(test)]
mod tests;
