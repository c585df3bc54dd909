//! Determines which part of an image a scalar of a chart's values holds.

use super::{TAGS, split};
use crate::gitops::graph::value::Value;

/// The part of an image in a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImagePart {
    Whole,
    Registry,
    Repository,
    Tag,
    Digest,
}

/// Determines the part from a scalar's key, its text and its siblings.
pub(super) fn part_of(key: &str, text: &str, parent: Option<&Value>) -> Option<ImagePart> {
    let lower = key.to_ascii_lowercase();
    let ends = |words: &[&str]| words.iter().any(|word| lower.ends_with(word));
    if is_digest(text) {
        return Some(ImagePart::Digest);
    }
    if ends(&["digest", "sha", "sha256"]) && text.is_empty() {
        return Some(ImagePart::Digest);
    }
    let (name, tag, digest) = split(text);
    let image = name.parse::<crate::image::Repository>().is_ok();
    let tag_like = !text.contains('/')
        && text
            .split('@')
            .next()
            .unwrap_or_default()
            .parse::<crate::image::Tag>()
            .is_ok();
    if ends(&["tag", "version"]) {
        return (tag_like || text.is_empty()).then_some(ImagePart::Tag);
    }
    if lower == "registry" {
        return Some(ImagePart::Registry);
    }
    let bare = tag.is_empty() && digest.is_empty();
    if ends(&["repository", "repo", "newname"]) && image && bare {
        return Some(ImagePart::Repository);
    }
    if image && text.contains('/') {
        // `image.name` of Argo CD's parameters is a repository when a tag is beside it.
        return Some(if bare && lower == "name" {
            ImagePart::Repository
        } else {
            ImagePart::Whole
        });
    }
    let named = ends(&["image", "images", "reference"])
        || parent.is_some_and(|parent| TAGS.iter().any(|key| parent.get(key).is_some()));
    let word = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-:@=${}/".contains(c));
    (named && word && !text.is_empty()).then_some(ImagePart::Whole)
}

/// Tells whether a text is 64 hex digits, with or without `sha256:`.
pub(super) fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns a digest in the form of the present one; an empty `sha` gets bare digits.
pub(super) fn digest_text(key: &str, present: &str, hex: &str) -> String {
    let bare = if present.is_empty() {
        key.to_ascii_lowercase().ends_with("sha")
    } else {
        !present.starts_with("sha256:")
    };
    if bare {
        hex.to_owned()
    } else {
        format!("sha256:{hex}")
    }
}
