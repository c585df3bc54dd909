//! Finds settings of Argo CD and Flux that override the files of an environment: images that an
//! Application or a Flux Kustomization sets, `.argocd-source.yaml`, parameters of a chart.
//!
//! An edit of an overridden file would have no effect, so it is refused with the setting's place.

use super::{
    Error, TargetComponent,
    error::Position,
    graph::{
        split,
        value::{Value, load},
    },
    tree::{Tree, joined},
    update::yaml_files,
};

/// A setting that overrides files.
struct Setting {
    at: Position,
    file: String,
    /// The path of the setting, for `--path`.
    path: String,
    /// The image, or the part of it, in the setting.
    text: String,
}

/// Refuses an edit of an overlay whose image is set by its Application or Flux Kustomization;
/// returns warnings about files that could not be read.
///
/// # Errors
/// [`Error::NotEditable`] at the setting.
pub(super) fn check_overlay(
    tree: &Tree<'_>,
    dir: &str,
    component: &TargetComponent,
    images: &[(String, String)],
) -> Result<Vec<String>, Error> {
    let mut scan = Scan::new(tree, dir)?;
    scan.run(|document, file, local| {
        let mut found = Vec::new();
        for (base, source) in sources(document, dir, local) {
            argo_images(source, &base, file, &mut found);
        }
        if !local && is_flux(document, dir) {
            flux_images(document, file, &mut found);
        }
        found.retain(|(name, _)| {
            component.knows(name) || images.iter().any(|(known, _)| known == name)
        });
        found.into_iter().map(|(_, setting)| setting).collect()
    })?;
    let wins = scan
        .found
        .iter()
        .find(|setting| !images.iter().any(|(_, wanted)| *wanted == setting.text));
    match wins {
        Some(setting) => Err(setting.refusal(dir)),
        None => Ok(scan.warnings),
    }
}

/// Refuses an edit of a chart's values below a parameter that sets the same key.
///
/// # Errors
/// [`Error::NotEditable`] at the setting.
pub(super) fn check_values(
    tree: &Tree<'_>,
    file: &str,
    key: &str,
    steps: &[super::path::PathStep],
) -> Result<Vec<String>, Error> {
    let dir = file.rsplit_once('/').map_or("", |(dir, _)| dir);
    let own = file;
    let key = key.trim_start_matches(['$', '.']);
    let mut scan = Scan::new(tree, dir)?;
    scan.run(|document, file, local| {
        let mut found = Vec::new();
        for (base, source) in sources(document, dir, local) {
            let parameters = source
                .at(&["helm", "parameters"])
                .map_or(&[][..], Value::items);
            for (at, item) in parameters.iter().enumerate() {
                let name = item.get("name").and_then(Value::text).unwrap_or_default();
                // The setting itself may be the place of the edit.
                let below = name == key || name.starts_with(&format!("{key}."));
                if below && !(file == own && key.starts_with("spec.")) {
                    let path = format!("{base}helm.parameters[{at}].value");
                    found.extend(setting(item.get("value"), file, path));
                }
            }
            if file != own
                && let Some(values) = source.at(&["helm", "valuesObject"])
                && let Ok(value) = super::path::follow(values, steps, file, key)
            {
                found.extend(setting(
                    Some(&value),
                    file,
                    format!("{base}helm.valuesObject.{key}"),
                ));
            }
        }
        found
    })?;
    match scan.found.first() {
        Some(setting) => Err(setting.refusal(file)),
        None => Ok(scan.warnings),
    }
}

impl Setting {
    fn refusal(&self, edited: &str) -> Error {
        let edited = if edited.is_empty() { "." } else { edited };
        Error::NotEditable {
            at: self.at.clone(),
            path: self.path.clone(),
            reason: format!("it sets {}, which overrides {edited}", self.text),
            hint: format!(
                "edit it there by --file {} --path '{}', or remove it",
                self.file, self.path
            ),
        }
    }
}

/// The files that may hold such settings for a directory.
struct Scan<'a, 't> {
    tree: &'a Tree<'t>,
    dir: &'a str,
    files: Vec<String>,
    found: Vec<Setting>,
    warnings: Vec<String>,
}

impl<'a, 't> Scan<'a, 't> {
    fn new(tree: &'a Tree<'t>, dir: &'a str) -> Result<Self, Error> {
        Ok(Self {
            tree,
            dir,
            files: yaml_files(tree)?,
            found: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn run(&mut self, read: impl Fn(&Value, &str, bool) -> Vec<Setting>) -> Result<(), Error> {
        for file in std::mem::take(&mut self.files) {
            let (parent, name) = file.rsplit_once('/').unwrap_or(("", &file));
            let local =
                parent == self.dir && name.starts_with(".argocd-source") && name.ends_with(".yaml");
            let bytes = match self.tree.read(&file) {
                Ok(bytes) => bytes.unwrap_or_default(),
                // The target of a link is read as a file of its own.
                Err(Error::Link { .. }) => continue,
                Err(error) => return Err(error),
            };
            let text = String::from_utf8_lossy(&bytes);
            let last = self.dir.rsplit('/').next().unwrap_or_default();
            let named = ["argoproj.io", "kustomize.toolkit.fluxcd.io"]
                .iter()
                .any(|group| text.contains(group))
                && text.contains(last);
            if !local && !named {
                continue;
            }
            match load(&file, &text) {
                Ok(documents) => {
                    for document in &documents {
                        self.found.extend(read(document, &file, local));
                    }
                }
                Err(error) => self.warnings.push(format!(
                    "{error}; images that it sets for {} would override them",
                    self.dir
                )),
            }
        }
        Ok(())
    }
}

fn setting(value: Option<&Value>, file: &str, path: String) -> Option<Setting> {
    let value = value?;
    Some(Setting {
        at: value.position(file),
        file: file.to_owned(),
        path,
        text: value.text().unwrap_or("a mapping").to_owned(),
    })
}

/// Returns the sources of an Application or ApplicationSet for the directory, each with its path;
/// `.argocd-source.yaml` is a source itself.
fn sources<'v>(document: &'v Value, dir: &str, local: bool) -> Vec<(String, &'v Value)> {
    if local {
        return vec![(String::new(), document)];
    }
    let base: &[&str] = match document.get("kind").and_then(Value::text) {
        Some("Application") => &["spec"],
        Some("ApplicationSet") => &["spec", "template", "spec"],
        _ => return Vec::new(),
    };
    let Some(spec) = document.at(base) else {
        return Vec::new();
    };
    let base = base.join(".");
    let mut all = Vec::new();
    if let Some(source) = spec.get("source") {
        all.push((format!("{base}.source."), source));
    }
    for (at, source) in spec
        .get("sources")
        .map_or(&[][..], Value::items)
        .iter()
        .enumerate()
    {
        all.push((format!("{base}.sources[{at}]."), source));
    }
    all.retain(|(_, source)| {
        let path = source.get("path").and_then(Value::text).unwrap_or_default();
        // `{{ path }}` of a generator may be any directory.
        path.contains("{{") || joined("", path).as_deref() == Some(dir)
    });
    all
}

/// Collects `spec.source.kustomize.images`: `[NAME=]IMAGE`.
fn argo_images(source: &Value, base: &str, file: &str, found: &mut Vec<(String, Setting)>) {
    let images = source
        .at(&["kustomize", "images"])
        .map_or(&[][..], Value::items);
    for (at, item) in images.iter().enumerate() {
        let Some(text) = item.text() else { continue };
        let (name, image) = text.split_once('=').unwrap_or((split(text).0, text));
        let path = format!("{base}kustomize.images[{at}]");
        if let Some(mut setting) = setting(Some(item), file, path) {
            image.clone_into(&mut setting.text);
            found.push((name.to_owned(), setting));
        }
    }
}

fn is_flux(document: &Value, dir: &str) -> bool {
    let text = |keys: &[&str]| document.at(keys).and_then(Value::text).unwrap_or_default();
    text(&["apiVersion"]).starts_with("kustomize.toolkit.fluxcd.io/")
        && text(&["kind"]) == "Kustomization"
        && joined("", text(&["spec", "path"])).as_deref() == Some(dir)
}

/// Collects `spec.images` of a Flux Kustomization, which are kustomize's.
fn flux_images(document: &Value, file: &str, found: &mut Vec<(String, Setting)>) {
    let images = document
        .at(&["spec", "images"])
        .map_or(&[][..], Value::items);
    for (at, item) in images.iter().enumerate() {
        let text = |key: &str| item.get(key).and_then(Value::text).unwrap_or_default();
        let name = text("name");
        let mut image = match text("newName") {
            "" => name.to_owned(),
            new => new.to_owned(),
        };
        for (mark, part) in [(":", text("newTag")), ("@", text("digest"))] {
            if !part.is_empty() {
                image = format!("{image}{mark}{part}");
            }
        }
        if let Some(mut setting) = setting(Some(item), file, format!("spec.images[{at}]")) {
            setting.text = image;
            found.push((name.to_owned(), setting));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPLICATION: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    path: overlays/prod\n    kustomize:\n      images: ['q.io/acme/web:v1']\n";

    fn check(files: &[(&str, &str)], wanted: &str) -> Result<Vec<String>, Error> {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        let component = TargetComponent {
            name: "web".to_owned(),
            repositories: vec!["q.io/acme/web".to_owned()],
        };
        let images = [("q.io/acme/web".to_owned(), wanted.to_owned())];
        check_overlay(
            &Tree::of(files.collect()),
            "overlays/prod",
            &component,
            &images,
        )
    }

    #[test]
    fn finds_every_setting_that_wins() {
        let set = APPLICATION.replace("Application\nspec:", "ApplicationSet\nspec: {template: {spec: {source: {path: '{{ .path }}', kustomize: {images: [a=q.io/acme/x:v1, 'q.io/acme/web=q.io/acme/web:v1']}}}}}\nunused:");
        let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {path: ./overlays/prod, images: [{name: q.io/acme/web, newTag: v1}]}\n";
        let source = "kustomize: {images: ['q.io/acme/web:v1']}\n";
        for (file, text) in [
            ("apps/web.yaml", APPLICATION),
            ("apps/set.yaml", set.as_str()),
            ("clusters/prod/web.yaml", flux),
            ("overlays/prod/.argocd-source-web.yaml", source),
            ("overlays/prod/.argocd-source.yaml", source),
        ] {
            let error = check(&[(file, text)], "q.io/acme/web:v9")
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(&format!("{file}:")), "{error}");
            assert!(error.contains("it sets q.io/acme/web:v1"), "{error}");
            // A setting of the same image is not an obstacle.
            check(&[(file, text)], "q.io/acme/web:v1").unwrap();
        }
    }

    #[test]
    fn passes_settings_for_other_directories_and_images() {
        for text in [
            APPLICATION.replace("overlays/prod", "overlays/dev"),
            APPLICATION.replace("acme/web", "acme/api"),
            APPLICATION.replace("argoproj.io", "example.com"),
        ] {
            assert!(
                check(&[("a.yaml", &text)], "q.io/acme/web:v9").is_ok(),
                "{text}"
            );
        }
        let broken = format!("{APPLICATION}{{{{ if }}}}: [\n");
        let warnings = check(&[("a.yaml", &broken)], "q.io/acme/web:v9").unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }

    #[test]
    fn finds_parameters_of_the_same_key() {
        let source = "helm: {parameters: [{name: image.tag, value: v1}]}\n";
        let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: {path: charts/web, helm: {valuesObject: {image: {tag: v1}}}}}\n";
        let check = |name: &str, text: &str, key: &str| {
            let files = [(name.to_owned(), text.as_bytes().to_vec())];
            let steps = super::super::path::parse(key).unwrap();
            check_values(
                &Tree::of(files.into()),
                "charts/web/values.yaml",
                key,
                &steps,
            )
        };
        assert!(check("charts/web/.argocd-source.yaml", source, "image").is_err());
        assert!(check("apps/web.yaml", application, "image").is_err());
        assert!(check("apps/web.yaml", application, "worker.image").is_ok());
        assert!(check("charts/web/.argocd-source.yaml", source, "imageX").is_ok());
        assert!(check("charts/api/.argocd-source.yaml", source, "image").is_ok());
    }
}
