//! The volumes of a Task: directories of this machine in place of Secrets and ConfigMaps.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::{
    Run,
    model::{Item, TaskSpec, Volume, VolumeMount},
    variables::Variables,
};

/// Directories in place of objects of the cluster, by `Secret/NAME` and `ConfigMap/NAME`.
pub(crate) type Objects = BTreeMap<String, PathBuf>;

/// The path below which steps may mount volumes; the runner puts it into the attempt's directory.
const ROOT: &str = "/mnt/";

impl Run {
    /// Sets the directory of a Secret: a file for each entry.
    #[must_use]
    pub fn secret(mut self, name: &str, dir: impl Into<PathBuf>) -> Self {
        self.objects.insert(format!("Secret/{name}"), dir.into());
        self
    }

    /// Sets the directory of a ConfigMap: a file for each entry.
    #[must_use]
    pub fn config_map(mut self, name: &str, dir: impl Into<PathBuf>) -> Self {
        self.objects.insert(format!("ConfigMap/{name}"), dir.into());
        self
    }
}

/// Refuses what no attempt could mount.
pub(crate) fn check(name: &str, spec: &TaskSpec) -> Result<()> {
    let of_steps = spec.steps.iter().flat_map(|step| &step.volume_mounts);
    for mount in spec.step_template.volume_mounts.iter().chain(of_steps) {
        if !spec.volumes.iter().any(|volume| volume.name == mount.name) {
            bail!("Task {name}: no volume is named {}", mount.name);
        }
        if !mount.mount_path.starts_with(ROOT) || mount.mount_path.contains("..") {
            bail!(
                "Task {name}: the runner mounts below {ROOT} alone, not at {}",
                mount.mount_path
            );
        }
    }
    Ok(())
}

/// Makes the volumes that steps mount, below the attempt's directory.
pub(crate) fn mount(
    spec: &TaskSpec,
    variables: &Variables,
    objects: &Objects,
    root: &Path,
) -> Result<()> {
    let of_steps = spec.steps.iter().flat_map(|step| &step.volume_mounts);
    for mount in spec.step_template.volume_mounts.iter().chain(of_steps) {
        let volume = spec.volumes.iter().find(|volume| volume.name == mount.name);
        let volume = volume.with_context(|| format!("no volume is named {}", mount.name))?;
        mount_one(volume, mount, variables, objects, root)?;
    }
    Ok(())
}

fn mount_one(
    volume: &Volume,
    mount: &VolumeMount,
    variables: &Variables,
    objects: &Objects,
    root: &Path,
) -> Result<()> {
    let dir = root.join(mount.mount_path.trim_start_matches('/'));
    fs::create_dir_all(&dir)?;
    let (object, optional, items): (String, bool, &[Item]) =
        match (&volume.secret, &volume.config_map, &volume.empty_dir) {
            (Some(secret), None, None) => {
                let name = variables.replace(&secret.secret_name);
                (format!("Secret/{name}"), secret.optional, &secret.items)
            }
            (None, Some(map), None) => {
                let name = variables.replace(&map.name);
                (format!("ConfigMap/{name}"), map.optional, &map.items)
            }
            (None, None, Some(_)) => return Ok(()),
            _ => bail!(
                "volume {} needs one of secret, configMap, emptyDir",
                volume.name
            ),
        };
    let Some(from) = objects.get(&object) else {
        if optional {
            return Ok(());
        }
        bail!("the runner has no {object}: give a directory in its place");
    };
    let mut entries: Vec<(String, String)> = items
        .iter()
        .map(|item| (variables.replace(&item.key), variables.replace(&item.path)))
        .collect();
    if entries.is_empty() {
        for entry in
            fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?
        {
            let name = entry?.file_name().to_string_lossy().into_owned();
            entries.push((name.clone(), name));
        }
    }
    for (key, path) in entries {
        let content =
            fs::read(from.join(&key)).with_context(|| format!("{object} has no entry {key}"))?;
        fs::write(dir.join(path), content)?;
    }
    Ok(())
}
