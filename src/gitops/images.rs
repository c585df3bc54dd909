//! The images that the files of a directory deploy, as kustomize puts them together.
//!
//! Containers of workloads and patches count, and `images:` of kustomizations: an entry changes
//! the containers with its name in the files beside and below its own, the nearest kustomization
//! first. An entry that changes none (the base lies elsewhere) stands for itself.

use std::{cmp::Reverse, collections::BTreeSet};

use super::{
    Error,
    find::{self, once, repository_of},
    is_kustomization, utf8,
    yaml::{self, Node},
};

/// An entry of `images:`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// The directory of its kustomization, with a slash at the end; empty for the root.
    dir: String,
    name: String,
    new_name: Option<String>,
    new_tag: Option<String>,
    digest: Option<String>,
}

/// Every image, each once, in the order of the files.
///
/// # Errors
/// [`Error::Parse`] and [`Error::NotEditable`]: a file that cannot be read could hide an image.
pub(crate) fn images<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<String>, Error> {
    let (mut containers, mut entries) = (Vec::new(), Vec::new());
    for (file, content) in files {
        let documents = yaml::parse(file, utf8(file, content)?)?;
        if is_kustomization(file) {
            for document in &documents {
                read_entries(document, file, &mut entries)?;
            }
        } else {
            let images = find::images(&documents, file)?.into_iter();
            containers.extend(images.map(|image| (file, image)));
        }
    }
    entries.sort_by_key(|entry| Reverse(entry.dir.len()));
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for (file, mut image) in containers {
        for (at, entry) in entries.iter().enumerate() {
            if file.starts_with(&entry.dir) && entry.is_about(&image) {
                image = entry.applied(&image);
                used.insert(at);
            }
        }
        found.push(image);
    }
    let alone = entries
        .iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at));
    found.extend(alone.map(|(_, entry)| entry.applied(&entry.name)));
    let mut known = BTreeSet::new();
    found.retain(|image| known.insert(image.clone()));
    Ok(found)
}

fn read_entries(document: &Node, file: &str, entries: &mut Vec<Entry>) -> Result<(), Error> {
    for item in once(document, "images", file, "")?.map_or(&[][..], Node::items) {
        let text = |key: &str| item.get(key).and_then(Node::text).map(str::to_owned);
        entries.push(Entry {
            dir: file
                .rsplit_once('/')
                .map_or_else(String::new, |(dir, _)| format!("{dir}/")),
            name: text("name").unwrap_or_default(),
            new_name: text("newName"),
            new_tag: text("newTag"),
            digest: text("digest"),
        });
    }
    Ok(())
}

impl Entry {
    fn is_about(&self, image: &str) -> bool {
        repository_of(image) == self.name
    }

    /// The image as the entry changes it.
    fn applied(&self, image: &str) -> String {
        let repository = self.new_name.as_deref().unwrap_or(repository_of(image));
        match (&self.new_tag, &self.digest) {
            (Some(tag), Some(digest)) => format!("{repository}:{tag}@{digest}"),
            (Some(tag), None) => format!("{repository}:{tag}"),
            (None, Some(digest)) => format!("{repository}@{digest}"),
            (None, None) => {
                let version = image.get(repository_of(image).len()..).unwrap_or_default();
                format!("{repository}{version}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
        images(files).unwrap()
    }

    const WEB: &str = "kind: Deployment\nspec:\n  template:\n    spec:\n      initContainers: [{name: i, image: r.io/init:1}]\n      containers:\n      - {name: web, image: r.io/web:v1}\n      - {name: none}\n";

    #[test]
    fn lists_containers_once() {
        let twice = format!("{WEB}---\n{WEB}");
        let images = found(&[("a.yaml", &twice), ("values.yaml", "image: r.io/not:1\n")]);
        assert_eq!(images, ["r.io/web:v1", "r.io/init:1"]);
    }

    #[test]
    fn entries_of_a_kustomization_change_what_has_their_name() {
        for (entry, expected) in [
            ("{name: r.io/web, newTag: v2}", "r.io/web:v2"),
            ("{name: r.io/web, newName: p.io/web}", "p.io/web:v1"),
            (
                "{name: r.io/web, newName: p.io/web, newTag: v2, digest: 'sha256:1'}",
                "p.io/web:v2@sha256:1",
            ),
            ("{name: r.io/web, digest: 'sha256:1'}", "r.io/web@sha256:1"),
        ] {
            let kustomization = format!("resources: [web.yaml]\nimages: [{entry}]\n");
            let images = found(&[("web.yaml", WEB), ("kustomization.yaml", &kustomization)]);
            assert_eq!(images, [expected, "r.io/init:1"]);
        }
        let alone = "resources: [../base]\nimages: [{name: web, newName: p.io/web, newTag: v3}]\n";
        assert_eq!(found(&[("k/kustomization.yaml", alone)]), ["p.io/web:v3"]);
    }

    #[test]
    fn an_entry_reaches_no_further_than_its_directory_and_the_nearest_comes_first() {
        let entry = |tag: &str| format!("images: [{{name: r.io/web, newTag: {tag}}}]\n");
        let only = "kind: Pod\nspec: {containers: [{name: web, image: 'r.io/web:v1'}]}\n";
        let files = [
            ("prod/web.yaml", only),
            ("stage/kustomization.yaml", &*entry("v2")),
            ("stage/web.yaml", only),
        ];
        assert_eq!(found(&files), ["r.io/web:v1", "r.io/web:v2"]);
        let files = [
            ("kustomization.yaml", &*entry("v3")),
            ("stage/kustomization.yaml", &*entry("v2")),
            ("stage/web.yaml", only),
        ];
        assert_eq!(found(&files), ["r.io/web:v3"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        let wrong = [("a.yaml", &b"a: [\n"[..])];
        assert!(matches!(images(wrong), Err(Error::Parse { .. })));
    }
}
