//! Settings that win over the values of a chart: parameters, inline values and later value files of an Argo CD
//! Application, values and post-renderers of a Flux HelmRelease.

use super::{Patches, Scan, Setting, images_of, last_of, setting, sources, takes};
use crate::gitops::{
    Error, TargetComponent,
    graph::value::{Value, load, load_inside},
    path::{PathStep, follow},
    tree::{Tree, joined},
};

/// The values that are edited.
pub(crate) struct Values<'a> {
    /// Their file.
    pub(crate) file: &'a str,
    /// The key, as it was given.
    pub(crate) key: &'a str,
    /// The steps of the key.
    pub(crate) steps: &'a [PathStep],
    /// The component whose image is there.
    pub(crate) component: &'a TargetComponent,
    /// The image that is written.
    pub(crate) image: String,
}

/// Refuses an edit of a chart's values below a setting of the same key, or of the image itself; returns warnings.
///
/// # Errors
/// [`Error::NotEditable`] at the setting.
pub(in crate::gitops) fn check_values(
    tree: &Tree<'_>,
    values: &Values<'_>,
) -> Result<Vec<String>, Error> {
    let dir = directory(values.file);
    let mut scan = Scan::new(
        tree,
        dir,
        // The last for the edited object itself, which need not name its file or directory.
        &[
            last_of(dir),
            last_of(values.file),
            "HelmRelease",
            "valuesObject",
        ],
    )?;
    scan.run(|document, file, local, warnings| {
        let mut found = Vec::new();
        for (base, source) in sources(document, local) {
            let own = file == values.file;
            let files = value_files(source, dir);
            let taken = takes(source, dir);
            let listed = position(&files, values.file, taken);
            let is_default = taken && last_of(values.file) == DEFAULT;
            if !own && !local && listed.is_none() && !is_default {
                continue;
            }
            found.extend(values.of_argo(source, &base, file, warnings));
            if !own {
                let later = listed.map_or(0, |at| at + 1);
                let files = files.get(later..).unwrap_or_default();
                found.extend(values.later(tree, files, file, warnings));
            }
        }
        found.extend(values.of_flux(tree, document, file, warnings));
        found
    })?;
    match scan.found.first() {
        Some(setting) => Err(setting.refusal(values.file)),
        None => Ok(scan.warnings),
    }
}

/// The file of a chart that is read before all others.
const DEFAULT: &str = "values.yaml";

/// Finds a file among value files; a name that is only known when it is rendered may be the file of a chart that is
/// `taken`.
fn position(files: &[ValueFile<'_>], file: &str, taken: bool) -> Option<usize> {
    let named = files
        .iter()
        .position(|(path, _)| path.as_deref() == Some(file));
    let unknown = || files.iter().position(|(path, _)| path.is_none());
    named.or_else(|| taken.then(unknown).flatten())
}

/// A value file: its path from the root where that is known, and the item that names it.
type ValueFile<'v> = (Option<String>, &'v Value);

/// The value files of a source of Argo CD, in their order.
fn value_files<'v>(source: &'v Value, dir: &str) -> Vec<ValueFile<'v>> {
    let base = source.get("path").and_then(Value::text).unwrap_or(dir);
    let list = source.items_at(&["helm", "valueFiles"]);
    let resolved = |item: &Value| {
        let text = item.text()?;
        if text.contains("{{") || text.contains("://") {
            return None;
        }
        match text.strip_prefix('$').and_then(|text| text.split_once('/')) {
            // `$ref/path` begins at the root of another source's repository, as `/path` does in the own one.
            Some((_, path)) => joined("", path),
            None => match text.strip_prefix('/') {
                Some(path) => joined("", path),
                None => joined(base, text),
            },
        }
    };
    list.iter().map(|item| (resolved(item), item)).collect()
}

impl Values<'_> {
    /// The value of the key in values of another place.
    fn of(&self, values: &Value, file: &str) -> Option<Value> {
        follow(values, self.steps, file, self.key).ok()
    }

    fn setting(&self, values: &Value, file: &str, path: &str) -> Option<Setting> {
        let value = self.of(values, file)?;
        setting(Some(&value), file, format!("{path}.{}", self.key))
    }

    /// The parameters and inline values of a source of Argo CD.
    fn of_argo(
        &self,
        source: &Value,
        base: &str,
        file: &str,
        warnings: &mut Vec<String>,
    ) -> Vec<Setting> {
        let key = self.key.trim_start_matches(['$', '.']);
        let own = file == self.file;
        let mut found = Vec::new();
        for list in ["parameters", "fileParameters"] {
            let items = source.items_at(&["helm", list]);
            for (at, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::text).unwrap_or_default();
                let below = name == key || name.starts_with(&format!("{key}."));
                // The parameter itself may be what is edited.
                if below && !(own && key.starts_with("spec.")) {
                    let part = if list == "parameters" {
                        "value"
                    } else {
                        "path"
                    };
                    let path = format!("{base}helm.{list}[{at}].{part}");
                    found.extend(setting(item.get(part), file, path));
                }
            }
        }
        let object = source.at(&["helm", "valuesObject"]);
        let inline = source.at(&["helm", "values"]);
        match (own, object) {
            (false, Some(object)) => {
                found.extend(self.setting(object, file, &format!("{base}helm.valuesObject")));
            }
            (false, None) => {
                let mark = inline.and_then(Value::scalar).and_then(|text| text.mark());
                let documents = mark.map_or_else(|| Ok(Vec::new()), load_inside);
                match documents {
                    Ok(documents) => found.extend(documents.iter().filter_map(|values| {
                        self.setting(values, file, &format!("{base}helm.values"))
                    })),
                    Err(error) => warnings.push(format!("{error}; what it sets would win")),
                }
            }
            // Argo CD ignores the text when the object is there.
            (true, Some(object)) if inline.is_some() && self.is_in_text(object, base, file) => {
                let path = format!("{base}helm.valuesObject");
                found.extend(setting(Some(object), file, path));
            }
            (true, _) => {}
        }
        found
    }

    /// Tells whether the edited place is in `helm.values` and not in `helm.valuesObject`.
    fn is_in_text(&self, object: &Value, base: &str, file: &str) -> bool {
        let key = self.key.trim_start_matches(['$', '.']);
        match key.starts_with("spec.") {
            true => key.starts_with(&format!("{base}helm.values.")),
            false => self.of(object, file).is_none(),
        }
    }

    /// The files that are merged over the edited one.
    fn later(
        &self,
        tree: &Tree<'_>,
        files: &[ValueFile<'_>],
        file: &str,
        warnings: &mut Vec<String>,
    ) -> Vec<Setting> {
        let mut found = Vec::new();
        for (path, item) in files {
            let text = path.as_deref().map(|path| (path, tree.text(path)));
            let documents = match &text {
                Some((path, Ok(Some(text)))) => load(path, text),
                _ => {
                    let name = item.text().unwrap_or_default();
                    let at = item.position(file);
                    warnings.push(format!(
                        "{at}: the value file {name} is not seen, and what it sets would win"
                    ));
                    continue;
                }
            };
            let path = path.as_deref().unwrap_or_default();
            match documents {
                Ok(documents) => {
                    for values in &documents {
                        let value = self.of(values, path);
                        found.extend(setting(value.as_ref(), path, self.key.to_owned()));
                    }
                }
                Err(error) => warnings.push(format!("{error}; what it sets would win")),
            }
        }
        found
    }

    /// The values and post-renderers of a HelmRelease of the chart, or of the edited one.
    fn of_flux(
        &self,
        tree: &Tree<'_>,
        document: &Value,
        file: &str,
        warnings: &mut Vec<String>,
    ) -> Vec<Setting> {
        let text = |keys: &[&str]| document.at(keys).and_then(Value::text).unwrap_or_default();
        if text(&["kind"]) != "HelmRelease" || !text(&["apiVersion"]).starts_with("helm.toolkit.") {
            return Vec::new();
        }
        let own = file == self.file;
        let list = document.items_at(&["spec", "chart", "spec", "valuesFiles"]);
        let files: Vec<ValueFile<'_>> = list
            .iter()
            .map(|item| (item.text().and_then(|path| joined("", path)), item))
            .collect();
        let listed = position(&files, self.file, false);
        let chart = joined("", text(&["spec", "chart", "spec", "chart"]));
        let of_chart = chart.as_deref() == Some(directory(self.file));
        let of_chart = of_chart && last_of(self.file) == DEFAULT;
        if !own && listed.is_none() && !of_chart {
            return Vec::new();
        }
        let mut found = Vec::new();
        if !own {
            let later = listed.map_or(0, |at| at + 1);
            found.extend(self.later(tree, files.get(later..).unwrap_or_default(), file, warnings));
            if let Some(values) = document.at(&["spec", "values"]) {
                found.extend(self.setting(values, file, "spec.values"));
            }
            let sources = document.items_at(&["spec", "valuesFrom"]);
            for source in sources {
                let part = |key: &str| source.get(key).and_then(Value::text).unwrap_or_default();
                warnings.push(format!(
                    "{}: the values of {} {} are not seen, and what they set would win",
                    source.position(file),
                    part("kind"),
                    part("name")
                ));
            }
        }
        found.extend(self.rendered(tree, document, file, warnings));
        found
    }

    /// The post-renderers of a HelmRelease, which change what the chart renders.
    fn rendered(
        &self,
        tree: &Tree<'_>,
        document: &Value,
        file: &str,
        warnings: &mut Vec<String>,
    ) -> Vec<Setting> {
        let renderers = document.items_at(&["spec", "postRenderers"]);
        let mut found = Vec::new();
        for (at, renderer) in renderers.iter().enumerate() {
            let Some(kustomize) = renderer.get("kustomize") else {
                continue;
            };
            let base = format!("spec.postRenderers[{at}].kustomize.");
            let mut images = Vec::new();
            images_of(
                kustomize.get("images"),
                &format!("{base}images"),
                file,
                &mut images,
            );
            let ours = images
                .into_iter()
                .filter(|(name, setting)| self.component.knows(name) && setting.text != self.image);
            found.extend(ours.map(|(_, setting)| setting));
            let patches = Patches {
                tree,
                component: self.component,
                dir: directory(file),
            };
            found.extend(patches.check(kustomize, &base, file, warnings));
        }
        found
    }
}

fn directory(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(dir, _)| dir)
}

#[cfg(test)]
mod tests;
