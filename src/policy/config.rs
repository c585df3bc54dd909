//! The policy's configuration: Conforma's `EnterpriseContractPolicy` spec (API v1alpha1).
//!
//! Unknown members are refused at every level, as Conforma's schema does: a misspelt `exclude`
//! must not silently change a verdict. [`mod@super::locate`] reads the text.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{dialect::Dialect, local::LocalReach, shape::without_values};

/// The file names of the configuration in a directory or repository; the first that exists is used.
pub(crate) const FILES: [&str; 6] = [
    ".ec/policy.json",
    ".ec/policy.yaml",
    ".ec/policy.yml",
    "policy.json",
    "policy.yaml",
    "policy.yml",
];

/// A text that is not a policy configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("file {origin} is empty")]
    Empty { origin: String },
    /// The text is neither JSON nor YAML.
    #[error("{origin} is neither JSON nor YAML: {reason}")]
    Parse {
        /// The file, or where else the text came from.
        origin: String,
        reason: String,
    },
    /// A member is unknown or has the wrong type.
    #[error(
        "{origin}: policy configuration does not conform to the EnterpriseContractPolicy spec: {reason}"
    )]
    Shape {
        /// The file, or where else the text came from.
        origin: String,
        /// The member and what was expected.
        reason: String,
    },
    /// A date of a volatile entry is malformed.
    #[error(
        "{origin}: volatileConfig entry {value:?} has the date {date:?}: expected RFC 3339 or YYYY-MM-DD"
    )]
    Date {
        /// The file, or where else the text came from.
        origin: String,
        value: String,
        /// The text in place of a date.
        date: String,
    },
    /// A volatile entry names more than one kind of scope.
    #[error(
        "{origin}: volatileConfig entry {value:?} has more than one of imageRef, imageDigest, imageUrl and componentNames"
    )]
    Scopes {
        /// The file, or where else the text came from.
        origin: String,
        value: String,
    },
}

/// The spec of a policy configuration, which is also the root of an inline one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PolicySpec {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// The groups of sources; each is evaluated separately.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) sources: Vec<Group>,
    /// Criteria for the groups without their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<Configuration>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) rekor_url: String,
    /// The reference of the public key, as it is written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) public_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<PolicyIdentity>,
    /// The local paths that sources may name; not a member of the text.
    #[serde(skip)]
    pub(crate) local: LocalReach,
}

impl PolicySpec {
    /// Tells whether no group names a policy, so that no rule can refuse an image.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.iter().all(|group| group.policy.is_empty())
    }
}

/// Policies and data that are evaluated together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Group {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) policy: Vec<String>,
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) data: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule_data: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<GroupCriteria>,
    /// Criteria for a limited time or for some images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) volatile_config: Option<VolatileConfig>,
}

/// The include and exclude criteria of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupCriteria {
    /// Rules to leave out: `package[.rule][:term]` or `@collection`.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) exclude: Vec<String>,
    /// Rules to take: `package[.rule][:term]` or `@collection`.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) include: Vec<String>,
}

/// Global criteria for all groups, deprecated in Conforma.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    /// Rules to leave out: `package[.rule][:term]` or `@collection`.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) exclude: Vec<String>,
    /// Rules to take: `package[.rule][:term]` or `@collection`.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) include: Vec<String>,
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) collections: Vec<String>,
}

/// Criteria with a time or a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VolatileConfig {
    /// Rules to leave out: `package[.rule][:term]` or `@collection`.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) exclude: Vec<Volatile>,
    /// Rules to take: `package[.rule][:term]` or `@collection`.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) include: Vec<Volatile>,
}

/// One criterion with a time or a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Volatile {
    pub(crate) value: String,
    /// The time at which the criterion becomes effective.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) effective_on: String,
    /// The last time at which the criterion is effective.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) effective_until: String,
    /// Only for the image with this digest; deprecated for `imageDigest`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) image_ref: String,
    /// Only for images of this repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) image_url: String,
    /// Only for the image with this digest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) image_digest: String,
    /// Only for these components.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) component_names: Vec<String>,
    /// The URL or name of a document with the decision.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reference: String,
}

/// A keyless signer, by exact values or regular expressions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PolicyIdentity {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) subject: String,
    #[serde(
        default,
        rename = "subjectRegExp",
        skip_serializing_if = "String::is_empty"
    )]
    pub(crate) subject_regexp: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) issuer: String,
    #[serde(
        default,
        rename = "issuerRegExp",
        skip_serializing_if = "String::is_empty"
    )]
    pub(crate) issuer_regexp: String,
}

/// Deserialises a list that may also be `null`, as in Go.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(source: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(source).map(Option::unwrap_or_default)
}

impl PolicySpec {
    /// Parses JSON or YAML: a bare spec, or a resource with `spec`.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        if text.trim().is_empty() {
            return Err(Error::Empty {
                origin: origin.to_owned(),
            });
        }
        Self::from_document(document(text, origin)?, origin)
    }

    /// Converts a parsed document: a bare spec, or a resource with `spec`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Date`] or [`Error::Scopes`].
    pub(crate) fn from_document(mut document: Value, origin: &str) -> Result<Self, Error> {
        let shape = |reason: String| Error::Shape {
            origin: origin.to_owned(),
            reason,
        };
        if let Some(spec) = document.get_mut("spec") {
            document = spec.take();
        }
        if !document.is_object() {
            return Err(shape("expected an object".to_owned()));
        }
        let spec: Self = serde_json::from_value(document)
            .map_err(|error| shape(without_values(&error.to_string())))?;
        spec.check(origin)?;
        Ok(spec)
    }

    /// Returns a spec of one group with one policy, for a directory or repository without a configuration.
    pub(crate) fn of_policy(source: String) -> Self {
        Self {
            sources: vec![Group {
                policy: vec![source],
                ..Group::default()
            }],
            local: LocalReach::Named,
            ..Self::default()
        }
    }

    fn check(&self, origin: &str) -> Result<(), Error> {
        for entry in self.volatile() {
            let scopes = [
                !entry.image_ref.is_empty(),
                !entry.image_digest.is_empty(),
                !entry.image_url.is_empty(),
                !entry.component_names.is_empty(),
            ];
            if scopes.into_iter().filter(|scope| *scope).count() > 1 {
                return Err(Error::Scopes {
                    origin: origin.to_owned(),
                    value: entry.value.clone(),
                });
            }
        }
        Ok(())
    }

    /// Checks the dates of volatile entries. Under `ec` an entry with a malformed date is ignored with a warning,
    /// as Conforma's `ec` does.
    ///
    /// # Errors
    /// [`Error::Date`].
    pub(crate) fn check_dates(&self, dialect: Dialect) -> Result<(), Error> {
        for entry in self.volatile() {
            let mut dates = [&entry.effective_on, &entry.effective_until].into_iter();
            let broken = dates.find(|date| !date.is_empty() && parse_time(date).is_none());
            let Some(date) = broken else {
                continue;
            };
            if dialect.is_conforma() {
                tracing::warn!(
                    value = entry.value,
                    date,
                    "volatileConfig: ignored an entry with a malformed date"
                );
                continue;
            }
            return Err(Error::Date {
                origin: "the policy".to_owned(),
                value: entry.value.clone(),
                date: date.clone(),
            });
        }
        Ok(())
    }

    /// Returns the volatile entries of all groups, includes before excludes.
    fn volatile(&self) -> impl Iterator<Item = &Volatile> {
        let lists = self
            .sources
            .iter()
            .filter_map(|group| group.volatile_config.as_ref());
        lists.flat_map(|lists| lists.include.iter().chain(&lists.exclude))
    }
}

/// Parses JSON or YAML; `origin` is named in the error.
///
/// # Errors
/// [`Error::Parse`].
pub(crate) fn document(text: &str, origin: &str) -> Result<Value, Error> {
    let wrong = |reason: String| Error::Parse {
        origin: origin.to_owned(),
        reason,
    };
    match serde_json::from_str(text) {
        Ok(document) => Ok(document),
        Err(_) => crate::json::yaml(text).map_err(|error| wrong(error.to_string())),
    }
}

/// Parses a time: RFC 3339, or a date, which means its start in UTC.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return date
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp());
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PolicySpec, Error> {
        PolicySpec::parse(text, "policy.yaml")
    }

    #[test]
    fn reads_yaml_json_and_resources() {
        let yaml = "sources:\n- policy: [./p]\n  ruleData: {key: [1]}\n  config: {include: ['@slsa3']}\npublicKey: k8s://ns/key\n";
        let spec = parse(yaml).unwrap();
        let resource = format!(
            "apiVersion: appstudio.redhat.com/v1alpha1\nkind: EnterpriseContractPolicy\nspec:\n  {}",
            yaml.replace('\n', "\n  ")
        );
        assert_eq!(parse(&resource).unwrap(), spec);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(
            json,
            r#"{"sources":[{"policy":["./p"],"ruleData":{"key":[1]},"config":{"include":["@slsa3"]}}],"publicKey":"k8s://ns/key"}"#
        );
        assert_eq!(parse(&json).unwrap(), spec);
        assert_eq!(parse("sources: null").unwrap(), PolicySpec::default());
    }

    #[test]
    fn refuses_unknown_members_at_every_level() {
        for text in [
            "sorces: []",
            "sources: [{polcy: [a]}]",
            "sources: [{config: {exlude: [a]}}]",
            "sources: [{volatileConfig: {exclude: [{value: a, until: '2026-01-01'}]}}]",
            "configuration: {inclde: []}",
            "identity: {subjectRegexp: a}",
            "{spec: {x: 1}}",
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }), "{text}: {error}");
        }
        assert!(matches!(parse("[]"), Err(Error::Shape { .. })));
        assert!(matches!(parse(" \n"), Err(Error::Empty { .. })));
        assert!(matches!(parse("{a"), Err(Error::Parse { .. })));
    }

    fn dated(text: &str) -> Result<PolicySpec, Error> {
        let spec = parse(text)?;
        spec.check_dates(Dialect::Promote).map(|()| spec)
    }

    #[test]
    fn ec_leaves_out_a_volatile_entry_with_a_broken_date() {
        let text =
            "sources: [{volatileConfig: {exclude: [{value: a, effectiveOn: soon}, {value: b}]}}]";
        let spec = parse(text).unwrap();
        spec.check_dates(Dialect::Conforma).unwrap();
        assert!(spec.check_dates(Dialect::Promote).is_err());
    }

    #[test]
    fn refuses_volatile_entries_that_cannot_be_understood() {
        let with = |entry: &str| {
            dated(&format!(
                "sources: [{{volatileConfig: {{exclude: [{{value: a, {entry}}}]}}}}]"
            ))
        };
        assert!(with("effectiveUntil: '2026-12-31'").is_ok());
        assert!(with("effectiveOn: '2026-12-31T00:00:00+01:00'").is_ok());
        assert!(matches!(with("effectiveOn: soon"), Err(Error::Date { .. })));
        assert!(matches!(
            with("effectiveOn: '2026-13-01'"),
            Err(Error::Date { .. })
        ));
        let two = with("imageUrl: quay.io/a/b, componentNames: [c]");
        assert!(matches!(two, Err(Error::Scopes { .. })));
    }

    #[test]
    fn a_date_is_its_first_moment() {
        let date = parse_time("2026-02-03").unwrap();
        assert_eq!(date.to_string(), "2026-02-03T00:00:00Z");
        assert_eq!(parse_time("2026-02-03T00:00:00Z"), Some(date));
        assert_eq!(parse_time("2026-02-30"), None);
        assert_eq!(parse_time("now"), None);
    }
}
