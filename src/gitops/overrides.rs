//! Finds settings of Argo CD and Flux that override the files of an environment: images that an
//! Application or a Flux Kustomization sets, `.argocd-source.yaml`, parameters of a chart.
//!
//! An edit of an overridden file would have no effect, so it is refused with the setting's place.

mod charts;
mod patches;

pub(super) use charts::{Values, check_values};
use patches::Patches;

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

/// The groups of objects that may set images on top of files.
const GROUPS: [&str; 3] = [
    "argoproj.io",
    "kustomize.toolkit.fluxcd.io",
    "helm.toolkit.fluxcd.io",
];

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
    let mut scan = Scan::new(tree, dir, &[last_of(dir)])?;
    scan.run(|document, file, local, warnings| {
        let mut found = Vec::new();
        let mut patched = Vec::new();
        for (base, source) in sources(document, local) {
            if !local && !takes(source, dir) {
                continue;
            }
            argo_images(source, &base, file, &mut found);
            if let Some(kustomize) = source.get("kustomize") {
                let base = format!("{base}kustomize.");
                let patches = Patches {
                    tree,
                    component,
                    dir,
                };
                patched.extend(patches.check(kustomize, &base, file, warnings));
            }
        }
        if !local && is_flux(document, dir) {
            images_of(
                document.at(&["spec", "images"]),
                "spec.images",
                file,
                &mut found,
            );
            if let Some(spec) = document.get("spec") {
                let patches = Patches {
                    tree,
                    component,
                    dir,
                };
                patched.extend(patches.check(spec, "spec.", file, warnings));
            }
        }
        found.retain(|(name, _)| {
            component.knows(name) || images.iter().any(|(known, _)| known == name)
        });
        let images = found.into_iter().map(|(_, setting)| setting);
        images.chain(patched).collect()
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

/// Refuses an edit below a setting of an overlay that names one of the component's repositories.
///
/// # Errors
/// Those of [`check_overlay`].
pub(super) fn check_image(
    tree: &Tree<'_>,
    dir: &str,
    component: &TargetComponent,
    image: &str,
) -> Result<Vec<String>, Error> {
    let names = component.repositories.iter();
    let images: Vec<_> = names.map(|name| (name.clone(), image.to_owned())).collect();
    check_overlay(tree, dir, component, &images)
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
    /// Words of which one is in each file that concerns the directory.
    words: Vec<String>,
    files: Vec<String>,
    found: Vec<Setting>,
    warnings: Vec<String>,
}

impl<'a, 't> Scan<'a, 't> {
    fn new(tree: &'a Tree<'t>, dir: &'a str, words: &[&str]) -> Result<Self, Error> {
        Ok(Self {
            tree,
            dir,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            files: yaml_files(tree)?,
            found: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Collects what a function finds in each document: its file, `true` for `.argocd-source.yaml`, and a list for
    /// warnings.
    fn run(
        &mut self,
        read: impl Fn(&Value, &str, bool, &mut Vec<String>) -> Vec<Setting>,
    ) -> Result<(), Error> {
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
            let named = GROUPS.iter().any(|group| text.contains(group))
                && self.words.iter().any(|word| text.contains(word.as_str()));
            if !local && !named {
                continue;
            }
            match load(&file, &text) {
                Ok(documents) => {
                    for document in &documents {
                        let found = read(document, &file, local, &mut self.warnings);
                        self.found.extend(found);
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

/// The last part of a path.
fn last_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
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

/// Returns the sources of an Application or ApplicationSet, each with its path; `.argocd-source.yaml` is a source itself.
fn sources(document: &Value, local: bool) -> Vec<(String, &Value)> {
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
    let several = spec.items_at(&["sources"]);
    for (at, source) in several.iter().enumerate() {
        all.push((format!("{base}.sources[{at}]."), source));
    }
    all
}

/// Tells whether a source takes the directory.
fn takes(source: &Value, dir: &str) -> bool {
    let path = source.get("path").and_then(Value::text).unwrap_or_default();
    // `{{ path }}` of a generator may be any directory.
    path.contains("{{") || joined("", path).as_deref() == Some(dir)
}

/// Collects `spec.source.kustomize.images`: `[NAME=]IMAGE`.
fn argo_images(source: &Value, base: &str, file: &str, found: &mut Vec<(String, Setting)>) {
    let images = source.items_at(&["kustomize", "images"]);
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

/// Collects a list of images in the form of kustomize: `spec.images` of a Flux Kustomization, or a post-renderer's.
fn images_of(list: Option<&Value>, path: &str, file: &str, found: &mut Vec<(String, Setting)>) {
    for (at, item) in list.map_or(&[][..], Value::items).iter().enumerate() {
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
        if let Some(mut setting) = setting(Some(item), file, format!("{path}[{at}]")) {
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
    fn names_patches_and_components_that_are_built_on_top() {
        let patch = "{patch: \"- {op: replace, path: /spec/template/spec/containers/0/image, value: 'q.io/acme/web:v1'}\"}";
        let argo = APPLICATION.replace(
            "images: ['q.io/acme/web:v1']",
            &format!("patches: [{patch}]"),
        );
        let flux = format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {{path: ./overlays/prod, patches: [{patch}], components: [../canary]}}\n"
        );
        for text in [&argo, &flux] {
            let error = check(&[("a.yaml", text)], "q.io/acme/web:v9").unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("sets an image of the component by a patch"),
                "{error}"
            );
            let other = text.replace("acme/web", "acme/api");
            let warnings = check(&[("a.yaml", &other)], "q.io/acme/web:v9").unwrap();
            assert!(
                warnings
                    .iter()
                    .any(|line| line.starts_with("a.yaml:") && line.contains("patches[0]")),
                "{warnings:?}"
            );
            let label = other.replace(
                "/spec/template/spec/containers/0/image",
                "/metadata/labels/x",
            );
            let warnings = check(&[("a.yaml", &label)], "q.io/acme/web:v9").unwrap();
            assert!(
                warnings.iter().all(|line| line.contains("components")),
                "{warnings:?}"
            );
        }
        let warnings = check(
            &[("a.yaml", &flux.replace("acme/web", "acme/api"))],
            "q.io/acme/web:v9",
        )
        .unwrap();
        assert!(
            warnings.iter().any(|line| line.contains("../canary")),
            "{warnings:?}"
        );
        let by_file =
            APPLICATION.replace("images: ['q.io/acme/web:v1']", "patches: [{path: p.yaml}]");
        let files = [
            ("a.yaml", by_file.as_str()),
            (
                "overlays/prod/p.yaml",
                "spec: {template: {spec: {containers: [{name: web, image: 'q.io/acme/web:v1'}]}}}\n",
            ),
        ];
        assert!(check(&files, "q.io/acme/web:v9").is_err());
        assert_eq!(check(&files[..1], "q.io/acme/web:v9").unwrap().len(), 1);
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
}
