//! Finds the places of rules, and of the rules that return the elements of a set.

use std::collections::BTreeMap;

use rego::{Session, Value};

use super::{check::gives_results, engine::Query, error::RulePlace, rules::Rule};

/// The first lines of a policy's rules.
#[derive(Debug, Default)]
pub(super) struct RulePlaces {
    /// Every definition of a rule, by its name with the package, in the order of the modules.
    by_name: BTreeMap<String, Vec<RulePlace>>,
    /// Rules with a code, by the code and their name.
    by_code: BTreeMap<(String, String), RulePlace>,
}

impl RulePlaces {
    /// Indexes the places of rules by name and by code.
    pub(super) fn of<'a>(rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut places = Self::default();
        for rule in rules {
            let name = format!("{}.{}", rule.package, rule.name);
            if let Some(code) = rule.code() {
                let place = rule.place.clone();
                places.by_code.entry((code, name.clone())).or_insert(place);
            }
            let all = places.by_name.entry(name).or_default();
            all.push(rule.place.clone());
        }
        places
    }

    /// Returns the place of a rule's first definition.
    pub(super) fn first(&self, query: &Query) -> Option<&RulePlace> {
        self.by_name.get(&query.to_string())?.first()
    }

    /// Returns the place of the rule of each element of a value. Elements whose code does not name their rule are traced
    /// by another evaluation of its definitions. No verdict depends on this: an element that cannot be traced has no place.
    pub(super) fn origins(
        &self,
        query: &Query,
        value: &Value,
        session: &mut Session,
    ) -> Vec<Option<RulePlace>> {
        let elements: Vec<&Value> = match value {
            Value::Set(items) => items.iter().collect(),
            Value::Array(items) => items.iter().collect(),
            _ => return Vec::new(),
        };
        if elements.is_empty() || !gives_results(&query.rule) {
            return Vec::new();
        }
        let name = query.to_string();
        let definitions = self.by_name.get(&name).map_or(&[][..], Vec::as_slice);
        if let [only] = definitions {
            return vec![Some(only.clone()); elements.len()];
        }
        let by_code = |element: &Value| {
            let code = element.member("code")?.as_str()?;
            let place = self.by_code.get(&(code.to_owned(), name.clone()));
            place.cloned()
        };
        let mut places: Vec<_> = elements.iter().map(|element| by_code(element)).collect();
        if places.iter().all(Option::is_some) {
            return places;
        }
        let Ok(traced) = session.origins(&query.path()) else {
            return places;
        };
        for (place, element) in places.iter_mut().zip(elements) {
            if place.is_none() {
                let found = traced.iter().find(|(value, _)| value == element);
                *place = found.map(|(_, origin)| RulePlace {
                    file: origin.file.to_string(),
                    line: origin.line,
                });
            }
        }
        places
    }
}
