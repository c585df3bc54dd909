//! Finds the kustomizations of a repository that reach a file.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    build::kustomization_of,
    value::{Value, load},
};
use crate::gitops::{
    Error,
    tree::{Tree, joined},
};

/// Fields that hold a list of paths.
const LISTS: [&str; 9] = [
    "resources",
    "bases",
    "components",
    "patchesStrategicMerge",
    "configurations",
    "transformers",
    "generators",
    "validators",
    "crds",
];

/// The paths in each kustomization of a repository.
pub(crate) struct PathReach {
    /// By directory, the paths in its kustomization.
    names: BTreeMap<String, BTreeSet<String>>,
    /// Kustomizations that do not parse: directory, text and error.
    broken: Vec<(String, String, Error)>,
}

impl PathReach {
    /// Reads every kustomization of the repository.
    pub(crate) fn read(tree: &Tree<'_>) -> Result<Self, Error> {
        let mut reach = Self {
            names: BTreeMap::new(),
            broken: Vec::new(),
        };
        for dir in tree.kustomizations()? {
            let file = match kustomization_of(tree, &dir) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(error) => {
                    reach.broken.push((dir, String::new(), error));
                    continue;
                }
            };
            let bytes = tree.read(&file)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            match load(&file, &text) {
                Ok(documents) => {
                    let mut paths = BTreeSet::from([file]);
                    for document in &documents {
                        references(document, &dir, &mut paths);
                    }
                    reach.names.insert(dir, paths);
                }
                Err(error) => reach.broken.push((dir, text.into_owned(), error)),
            }
        }
        Ok(reach)
    }

    /// Returns the files and directories that a kustomization reaches, except through `without`.
    pub(crate) fn below(&self, dir: &str, without: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![dir.to_owned()];
        while let Some(dir) = open.pop() {
            if dir == without || !found.insert(dir.clone()) {
                continue;
            }
            for path in self.names.get(&dir).into_iter().flatten() {
                if self.names.contains_key(path) {
                    open.push(path.clone());
                } else {
                    found.insert(path.clone());
                }
            }
        }
        found
    }

    /// Lists the kustomizations of other environments that reach a file of the overlay `dir`.
    ///
    /// A kustomization that the overlay itself reads is part of it. One that includes the overlay
    /// belongs to the same environment when it lies above it or has the environment in its path.
    ///
    /// # Errors
    /// The error of a kustomization that does not parse and may reach the file.
    pub(crate) fn others(
        &self,
        file: &str,
        dir: &str,
        environment: &str,
    ) -> Result<Vec<String>, Error> {
        let own = self.below(dir, "\0");
        let mut others = Vec::new();
        for name in self.names.keys() {
            if name == dir || own.contains(name) {
                continue;
            }
            let through = self.below(name, "\0");
            if !through.contains(file) {
                continue;
            }
            let beside = self.below(name, dir).contains(file);
            let above = name.is_empty() || dir.starts_with(&format!("{name}/"));
            let same = above || name.split('/').any(|part| part == environment);
            if beside || !same {
                others.push(name.clone());
            }
        }
        for (name, text, error) in &self.broken {
            let base = file.rsplit('/').next().unwrap_or(file);
            let parents = file.rsplit('/').skip(1).filter(|part| !part.is_empty());
            let mut parts = parents.take(2).chain([base]);
            if own.contains(name) || text.is_empty() || parts.any(|part| text.contains(part)) {
                return Err(error.clone());
            }
        }
        Ok(others)
    }

    /// Lists the kustomizations that reach a file and that no other kustomization includes.
    pub(crate) fn roots(&self, file: &str) -> Vec<String> {
        let reaching: Vec<_> = self
            .names
            .keys()
            .filter(|dir| self.below(dir, "\0").contains(file))
            .collect();
        let included = |dir: &String| {
            reaching
                .iter()
                .any(|other| *other != dir && self.below(other, "\0").contains(dir))
        };
        let roots = reaching.iter().filter(|dir| !included(dir));
        roots.map(|dir| (*dir).clone()).collect()
    }
}

/// Collects the paths in a kustomization.
pub(crate) fn references(value: &Value, dir: &str, paths: &mut BTreeSet<String>) {
    let mut add = |text: Option<&str>| {
        let Some(text) = text.filter(|text| !text.contains('\n')) else {
            return;
        };
        paths.extend(joined(dir, text));
    };
    for key in LISTS {
        for item in value.items_at(&[key]) {
            add(item.text());
        }
    }
    for key in ["patches", "patchesJson6902", "replacements"] {
        for item in value.items_at(&[key]) {
            add(item.get("path").and_then(Value::text));
        }
    }
    add(value.at(&["openapi", "path"]).and_then(Value::text));
    for key in ["configMapGenerator", "secretGenerator"] {
        for generator in value.items_at(&[key]) {
            add(generator.get("env").and_then(Value::text));
            for item in generator.items_at(&["envs"]) {
                add(item.text());
            }
            for item in generator.items_at(&["files"]) {
                let text = item.text();
                add(text.map(|text| text.split_once('=').map_or(text, |(_, path)| path)));
            }
        }
    }
    for chart in value.items_at(&["helmCharts"]) {
        add(chart.get("valuesFile").and_then(Value::text));
        for item in chart.items_at(&["additionalValuesFiles"]) {
            add(item.text());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(files: &[(&str, &str)]) -> PathReach {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        PathReach::read(&Tree::of(files.collect())).unwrap()
    }

    #[test]
    fn tells_shared_files_from_own_ones() {
        let files = [
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("base/web.yaml", "x: 1\n"),
            (
                "overlays/prod/kustomization.yaml",
                "resources: [../../base]\npatches: [{path: p.yaml}]\n",
            ),
            (
                "overlays/dev/kustomization.yaml",
                "resources: [../../base]\n",
            ),
            (
                "overlays/prod-eu/kustomization.yaml",
                "resources: [../prod]\n",
            ),
            (
                "clusters/prod/kustomization.yaml",
                "resources: [../../overlays/prod]\n",
            ),
        ];
        let reach = reach(&files);
        let others = |file: &str| reach.others(file, "overlays/prod", "prod").unwrap();
        assert_eq!(
            others("base/web.yaml"),
            ["overlays/dev", "overlays/prod-eu"]
        );
        assert_eq!(others("overlays/prod/p.yaml"), ["overlays/prod-eu"]);
        assert_eq!(
            reach.roots("overlays/dev/kustomization.yaml"),
            ["overlays/dev"]
        );
    }

    #[test]
    fn a_broken_kustomization_that_may_reach_the_file_is_an_error() {
        let broken = |text: &'static str| {
            [
                ("prod/kustomization.yaml", "resources: [web.yaml]\n"),
                ("prod/web.yaml", "x: 1\n"),
                ("other/kustomization.yaml", text),
            ]
        };
        let near = reach(&broken("resources: [../prod/web.yaml\n"));
        assert!(near.others("prod/web.yaml", "prod", "prod").is_err());
        let far = reach(&broken("resources: [{{ x }}, ../else\n"));
        assert!(
            far.others("prod/web.yaml", "prod", "prod")
                .unwrap()
                .is_empty()
        );
    }
}
