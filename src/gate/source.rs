//! Compares evidence with the component's own repository or source (`--require-source`), which
//! refuses the image of another product that the same key signed.

use serde_json::Value;

use crate::{
    image::{DigestReference, Reference},
    snapshot::Component,
    trust::Examined,
};

/// Tells whether an accepted signature names the image's repository, or accepted provenance the
/// component's source.
pub(super) fn is_own(component: &Component, image: &DigestReference, examined: &Examined) -> bool {
    let signatures = examined.signatures.iter().flatten();
    let mut references = signatures.filter_map(|signature| signature.reference.as_deref());
    if references.any(|reference| names(reference, image)) {
        return true;
    }
    let git = component
        .source
        .as_ref()
        .and_then(|source| source.git.as_ref());
    let Some(url) = git.map(|git| plain(&git.url)).filter(|url| !url.is_empty()) else {
        return false;
    };
    let attestations = examined.attestations.iter().flatten();
    let mut sources = attestations.flat_map(|found| sources(found.statement.document()));
    sources.any(|source| plain(&source) == url)
}

/// Tells whether a signed `docker-reference` is the image's repository.
fn names(reference: &str, image: &DigestReference) -> bool {
    let parsed: Result<Reference, _> = reference.parse();
    parsed.is_ok_and(|parsed| parsed.repository == image.repository)
}

/// Returns the source repositories that SLSA provenance names (v0.2 and v1).
fn sources(statement: &Value) -> Vec<String> {
    let predicate = &statement["predicate"];
    let lists = [
        &predicate["materials"],
        &predicate["buildDefinition"]["resolvedDependencies"],
    ];
    let materials = lists.into_iter().filter_map(Value::as_array).flatten();
    let uris = materials.filter_map(|material| material["uri"].as_str());
    let config = predicate["invocation"]["configSource"]["uri"].as_str();
    uris.chain(config).map(str::to_owned).collect()
}

/// Returns a Git URL without the parts that differ between tools: `git+`, a revision, `.git`, a trailing slash.
fn plain(url: &str) -> String {
    let url = url.strip_prefix("git+").unwrap_or(url);
    let path = url.find("://").map_or(0, |at| at + 3);
    let end = url
        .char_indices()
        .find(|(at, c)| *at > path && matches!(c, '@' | '#') && url[path..*at].contains('/'));
    let url = end.map_or(url, |(at, _)| &url[..at]);
    let url = url.trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_one_repository_are_equal() {
        for url in [
            "https://git.example/acme/web",
            "git+https://git.example/acme/web.git",
            "git+https://git.example/acme/web.git@refs/tags/v1",
            "https://git.example/acme/web/#v1",
        ] {
            assert_eq!(plain(url), "https://git.example/acme/web", "{url}");
        }
        assert_ne!(
            plain("https://git.example/acme/web2"),
            plain("https://git.example/acme/web")
        );
    }

    #[test]
    fn a_signed_reference_names_one_repository() {
        let digest = crate::image::Digest::of(b"");
        let image: Reference = format!("r.example/acme/web@{digest}").parse().unwrap();
        let image = image.into_pinned().unwrap();
        assert!(names("r.example/acme/web", &image));
        assert!(names("r.example/acme/web:v1", &image));
        for other in ["r.example/acme/admin-shell", "acme/web", ""] {
            assert!(!names(other, &image), "{other}");
        }
    }
}
