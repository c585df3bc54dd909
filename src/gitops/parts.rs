//! Writes an image in the form of the old one: whole, or in parts.

use std::rc::Rc;

use super::{
    Error,
    graph::{
        images::ImagesEntry,
        value::{Mark, Scalar},
    },
};
use crate::image::{Reference, Repository};

/// Returns the image as text; a short name remains short if it means the same.
pub(super) fn written(image: &Reference, present: &str) -> String {
    let (name, ..) = super::graph::images::split(present);
    let mut text = repository(&image.repository, name);
    if let Some(tag) = &image.tag {
        text = format!("{text}:{tag}");
    }
    if let Some(digest) = &image.digest {
        text = format!("{text}@{digest}");
    }
    text
}

/// Returns the image of the built object: an `images:` entry with a digest alone gets no tag,
/// unless missing keys are to be created.
pub(super) fn built(image: &Reference, present: &Scalar, create: bool) -> String {
    let entry = present.entry.as_deref();
    let digest_alone = entry.is_some_and(|entry| entry.digest.is_some() && entry.new_tag.is_none());
    if !digest_alone || create || image.digest.is_none() {
        return written(image, &present.text);
    }
    let image = Reference {
        tag: None,
        ..image.clone()
    };
    written(&image, &present.text)
}

/// Returns the repository as text; the present name is kept if it means the same.
pub(super) fn repository(repository: &Repository, present: &str) -> String {
    match present.parse::<Repository>() {
        Ok(same) if same == *repository => present.to_owned(),
        _ => repository.to_string(),
    }
}

/// Returns the fields of a new `images:` entry.
pub(super) fn entry(image: &Reference, name: &str) -> Vec<(&'static str, String)> {
    let mut fields = vec![("name", name.to_owned())];
    let new_name = repository(&image.repository, name);
    if new_name != name {
        fields.push(("newName", new_name));
    }
    if let Some(tag) = &image.tag {
        fields.push(("newTag", tag.to_string()));
    }
    if let Some(digest) = &image.digest {
        fields.push(("digest", digest.to_string()));
    }
    fields
}

/// The scalars of an entry to write, and the keys to add.
pub(super) struct EntryEdits {
    pub(super) scalars: Vec<(Rc<Mark>, String)>,
    pub(super) added: Vec<(&'static str, String)>,
}

/// Returns the edits by which an `images:` entry sets an image.
///
/// # Errors
/// [`Error::NothingThere`] for a missing key without `--create`, [`Error::NotEditable`].
pub(super) fn entry_edits(
    entry: &ImagesEntry,
    name: &str,
    tag: &str,
    digest: &str,
    create: bool,
) -> Result<EntryEdits, Error> {
    let mut editor = EntryEditor {
        entry,
        create,
        edits: EntryEdits {
            scalars: Vec::new(),
            added: Vec::new(),
        },
    };
    if entry.suffix.is_some() {
        return Err(editor.refused(
            "tagSuffix makes a tag from the base's tag",
            "replace tagSuffix by newTag",
        ));
    }
    editor.set_name(name)?;
    editor.set_version(tag, digest)?;
    Ok(editor.edits)
}

/// Collects the edits of one entry.
struct EntryEditor<'a> {
    entry: &'a ImagesEntry,
    create: bool,
    edits: EntryEdits,
}

impl EntryEditor<'_> {
    fn refused(&self, reason: &str, hint: &str) -> Error {
        Error::NotEditable {
            at: self.entry.position(),
            path: self.entry.path.clone(),
            reason: reason.to_owned(),
            hint: hint.to_owned(),
        }
    }

    fn missing(&self, key: &str) -> Error {
        Error::NothingThere {
            at: self.entry.position(),
            path: self.entry.path.clone(),
            missing: format!("key {key}"),
            there: format!("keys {}", keys_of(self.entry)),
        }
    }

    fn write(&mut self, scalar: &Scalar, text: String) -> Result<(), Error> {
        match scalar.mark() {
            Some(mark) => {
                self.edits.scalars.push((Rc::clone(mark), text));
                Ok(())
            }
            None => Err(self.refused("it is not written in the file", "")),
        }
    }

    fn add(&mut self, key: &'static str, text: &str) {
        if !text.is_empty() {
            self.edits.added.push((key, text.to_owned()));
        }
    }

    /// Sets `newName`, which may be missing when `name` matches the image's repository.
    fn set_name(&mut self, name: &str) -> Result<(), Error> {
        let entry = self.entry;
        let same_name = entry.name == name
            || entry
                .name
                .parse::<Repository>()
                .is_ok_and(|known| Ok(known) == name.parse())
            || (!self.create && entry.pattern()?.is_match(name));
        match &entry.new_name {
            Some(new_name) => self.write(new_name, name.to_owned()),
            None if same_name => Ok(()),
            None if self.create => {
                self.add("newName", name);
                Ok(())
            }
            None => Err(self.missing("newName")),
        }
    }

    /// Sets `newTag` and `digest`; an old value must not take precedence over a new one.
    fn set_version(&mut self, tag: &str, digest: &str) -> Result<(), Error> {
        let entry = self.entry;
        match (&entry.new_tag, &entry.digest, tag, digest) {
            (Some(place), Some(other), tag, digest) if !tag.is_empty() && !digest.is_empty() => {
                self.write(place, tag.to_owned())?;
                self.write(other, digest.to_owned())
            }
            (Some(_), Some(_), _, "") | (None, Some(_), _, "") => Err(self.refused(
                "the old digest would win over the tag",
                "--pin tag-and-digest or --pin digest writes the digest",
            )),
            (Some(_), Some(_), "", _) => Err(self.refused(
                "the old tag would stay beside the digest",
                "--pin tag-and-digest writes both",
            )),
            (Some(place), None, tag, "") if !tag.is_empty() => self.write(place, tag.to_owned()),
            (Some(place), None, tag, digest) if !tag.is_empty() => {
                self.write(place, format!("{tag}@{digest}"))
            }
            (Some(_), None, ..) => Err(self.refused(
                "it has newTag only, and a digest alone would keep the old tag",
                "--pin tag-and-digest writes both",
            )),
            (None, Some(place), tag, digest) => {
                self.write(place, digest.to_owned())?;
                if self.create {
                    self.add("newTag", tag);
                }
                Ok(())
            }
            (None, None, tag, digest) if self.create => {
                self.add("newTag", tag);
                self.add("digest", digest);
                Ok(())
            }
            (None, None, ..) => Err(self.missing("newTag or digest")),
            (Some(_), Some(_), ..) => Err(self.refused("the image has neither tag nor digest", "")),
        }
    }
}

fn keys_of(entry: &ImagesEntry) -> String {
    let keys = [
        ("name", true),
        ("newName", entry.new_name.is_some()),
        ("newTag", entry.new_tag.is_some()),
        ("digest", entry.digest.is_some()),
    ];
    let keys = keys.iter().filter(|(_, there)| *there).map(|(key, _)| *key);
    keys.collect::<Vec<_>>().join(", ")
}
