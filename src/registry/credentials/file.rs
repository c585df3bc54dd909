//! The format of auth files: `auths`, `credHelpers` and `credsStore`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::json;

/// An auth file of Docker or containers.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AuthFile {
    /// `None` without the member; an empty object is a login to no registry.
    #[serde(deserialize_with = "present")]
    pub(super) auths: Option<BTreeMap<String, AuthEntry>>,
    #[serde(deserialize_with = "readable")]
    pub(super) cred_helpers: BTreeMap<String, String>,
    #[serde(deserialize_with = "json::nullable")]
    pub(super) creds_store: String,
}

/// The login for one registry or repository.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct AuthEntry {
    #[serde(deserialize_with = "json::nullable")]
    pub(super) auth: String,
    #[serde(deserialize_with = "json::nullable")]
    pub(super) username: String,
    #[serde(deserialize_with = "json::nullable")]
    pub(super) password: String,
    #[serde(deserialize_with = "json::nullable")]
    pub(super) identitytoken: String,
    #[serde(deserialize_with = "json::nullable")]
    pub(super) registrytoken: String,
}

fn present<'de, D, T>(deserializer: D) -> Result<Option<BTreeMap<String, T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    readable(deserializer).map(Some)
}

/// Reads the entries of an object; one that cannot be read hides only itself.
fn readable<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let all: BTreeMap<String, Value> = json::nullable(deserializer)?;
    let mut good = BTreeMap::new();
    for (key, value) in all {
        if value.is_null() {
            continue;
        }
        match serde_json::from_value(value) {
            Ok(entry) => {
                good.insert(key, entry);
            }
            // The parser's message may quote a secret.
            Err(_) => tracing::warn!("ignored the entry {key:?} of an auth file: it is malformed"),
        }
    }
    Ok(good)
}
