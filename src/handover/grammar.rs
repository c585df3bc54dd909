//! The grammar of names, tags and commits in hand-over files, which become parts of paths and commit messages.

use std::collections::BTreeSet;

use super::Error;
use crate::{snapshot, text};

/// Refuses malformed names and a duplicate identity, by which one component could pass for another.
pub(super) fn check_identities<'a>(
    identities: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    origin: &str,
) -> Result<(), Error> {
    let mut known = BTreeSet::new();
    for (name, version) in identities {
        let wrong = |what, found: &str| Error::Text {
            origin: origin.to_owned(),
            what,
            found: found.to_owned(),
        };
        if !text::is_name(name) {
            return Err(wrong("name of a component", name));
        }
        if let Some(version) = version.filter(|version| !text::is_git_tag(version)) {
            return Err(wrong("version of a component", version));
        }
        if !known.insert((name, version)) {
            return Err(Error::Contradiction {
                origin: origin.to_owned(),
                name: snapshot::identity(name, version),
                what: "it is listed twice",
            });
        }
    }
    Ok(())
}

/// Refuses a malformed Git tag or commit, because commit messages contain both.
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
