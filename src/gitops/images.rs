//! The images that the files of a directory deploy, as kustomize puts them together.
//!
//! Containers of workloads and patches count, and `images:` of kustomizations: an entry changes
//! the containers with its name, and one that fits none (the base lies elsewhere) stands for
//! itself.

use super::{
    Error,
    find::{self, once, repository_of},
    is_kustomization, utf8,
    yaml::{self, Node},
};

/// An entry of `images:`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
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
            containers.extend(find::images(&documents, file)?);
        }
    }
    let unused = entries.iter().filter(|entry| {
        let fits = |image: &String| entry.is_about(image);
        !containers.iter().any(fits)
    });
    let alone: Vec<_> = unused.map(|entry| entry.applied(&entry.name)).collect();
    let applied = containers.iter().map(|image| {
        let entry = entries.iter().find(|entry| entry.is_about(image));
        entry.map_or_else(|| image.clone(), |entry| entry.applied(image))
    });
    let mut found = Vec::new();
    for image in applied.chain(alone) {
        if !found.contains(&image) {
            found.push(image);
        }
    }
    Ok(found)
}

fn read_entries(document: &Node, file: &str, entries: &mut Vec<Entry>) -> Result<(), Error> {
    for item in once(document, "images", file, "")?.map_or(&[][..], Node::items) {
        let text = |key: &str| item.get(key).and_then(Node::text).map(str::to_owned);
        entries.push(Entry {
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
    fn a_file_that_cannot_be_read_is_an_error() {
        let wrong = [("a.yaml", &b"a: [\n"[..])];
        assert!(matches!(images(wrong), Err(Error::Parse { .. })));
    }
}
