//! The grammar of names, tags and commits in hand-over files: they go on into paths and commit messages.

use std::collections::BTreeSet;

use super::Error;
use crate::text;

/// A name that stood twice would let one component answer for another.
pub(super) fn check_names<'a>(
    names: impl Iterator<Item = &'a str>,
    origin: &str,
) -> Result<(), Error> {
    let mut known = BTreeSet::new();
    for name in names {
        if !text::is_name(name) {
            return Err(Error::Text {
                origin: origin.to_owned(),
                what: "name of a component",
                found: name.to_owned(),
            });
        }
        if !known.insert(name) {
            return Err(Error::Contradiction {
                origin: origin.to_owned(),
                name: name.to_owned(),
                what: "it is there twice",
            });
        }
    }
    Ok(())
}

/// A Git tag or commit goes on into commit messages.
pub(super) fn check_revision(
    tag: Option<&str>,
    commit: Option<&str>,
    origin: &str,
) -> Result<(), Error> {
    let wrong = |what, found: &str| Error::Text {
        origin: origin.to_owned(),
        what,
        found: found.to_owned(),
    };
    if let Some(tag) = tag.filter(|tag| !text::is_git_tag(tag)) {
        return Err(wrong("Git tag", tag));
    }
    match commit.filter(|commit| !text::is_commit(commit)) {
        Some(commit) => Err(wrong("commit", commit)),
        None => Ok(()),
    }
}
