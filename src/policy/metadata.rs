//! The members of a finding besides its message.
//!
//! A report of many images holds thousands of findings with two or three members each: a sorted list
//! takes a fifth of the memory of a tree or hash table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// Members by name, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "BTreeMap<String, Value>")]
pub(crate) struct Metadata(Vec<(String, Value)>);

impl Metadata {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let member = self.0.iter().find(|(own, _)| own == name);
        member.map(|(_, value)| value)
    }

    /// Adds a member, or replaces the one of that name.
    pub(crate) fn insert(&mut self, name: String, value: Value) {
        let place = self.0.binary_search_by(|(own, _)| own.cmp(&name));
        match place {
            Ok(at) => {
                if let Some(member) = self.0.get_mut(at) {
                    member.1 = value;
                }
            }
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (name, value));
            }
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeMap<String, Value>> for Metadata {
    fn from(members: BTreeMap<String, Value>) -> Self {
        Self(members.into_iter().collect())
    }
}

impl FromIterator<(String, Value)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(members: I) -> Self {
        let mut all = Self::default();
        all.extend(members);
        all
    }
}

impl Extend<(String, Value)> for Metadata {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, members: I) {
        for (name, value) in members {
            self.insert(name, value);
        }
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Metadata;

    #[test]
    fn members_are_sorted_and_have_one_value() {
        let members = [("term", "a"), ("code", "x.y"), ("term", "b")];
        let members = members.map(|(name, value)| (name.to_owned(), Value::from(value)));
        let mut metadata: Metadata = members.into_iter().collect();
        let text = serde_json::to_string(&metadata).unwrap();
        assert_eq!(text, r#"{"code":"x.y","term":"b"}"#);
        assert_eq!(serde_json::from_str::<Metadata>(&text).unwrap(), metadata);
        assert_eq!(metadata.remove("code"), Some(json!("x.y")));
        assert!(metadata.get("code").is_none());
        assert_eq!(metadata.iter().count(), 1);
    }
}
