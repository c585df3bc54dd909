//! Volumes of a Task: Secrets and ConfigMaps, which the runner takes from directories, and empty ones.

use serde::Deserialize;

/// A volume.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// The name.
    pub name: String,
    /// A Secret as files.
    pub secret: Option<SecretVolume>,
    /// A ConfigMap as files.
    pub config_map: Option<ConfigMapVolume>,
    /// An empty directory.
    pub empty_dir: Option<super::Empty>,
}

/// A Secret as files.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretVolume {
    /// The Secret.
    pub secret_name: String,
    /// True if it may be missing.
    #[serde(default)]
    pub optional: bool,
    /// The entries that become files; all without any.
    #[serde(default)]
    pub items: Vec<Item>,
}

/// A ConfigMap as files.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapVolume {
    /// The ConfigMap.
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
    /// The entry.
    pub key: String,
    /// The file.
    pub path: String,
}

/// A place at which a step sees a volume.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeMount {
    /// The volume.
    pub name: String,
    /// The directory.
    pub mount_path: String,
    /// True if the step may only read it.
    #[serde(default)]
    pub read_only: bool,
}
