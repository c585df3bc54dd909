//! Volumes of a Task: Secrets and ConfigMaps, which the runner takes from directories, and empty ones.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    pub name: String,
    pub secret: Option<SecretVolume>,
    pub config_map: Option<ConfigMapVolume>,
    pub empty_dir: Option<super::Empty>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretVolume {
    pub secret_name: String,
    /// True if it may be missing.
    #[serde(default)]
    pub optional: bool,
    /// The entries that become files; all without any.
    #[serde(default)]
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapVolume {
    pub name: String,
    /// True if it may be missing.
    #[serde(default)]
    pub optional: bool,
    /// The entries that become files; all without any.
    #[serde(default)]
    pub items: Vec<Item>,
}

/// An entry and the file that it becomes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub key: String,
    pub path: String,
}

/// A place at which a step sees a volume.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeMount {
    pub name: String,
    pub mount_path: String,
    /// True if the step may only read it.
    #[serde(default)]
    pub read_only: bool,
}
