//! Sets a component's image in an overlay, and proves the effect.
//!
//! 1. build the overlay and find the component's images
//! 2. edit the place that sets each of them last
//! 3. build again: the images are the new ones, and nothing else differs

use std::collections::BTreeSet;

use super::{
    build::{Built, build, build_file, refused},
    images::{ImagesEntry, mark_of},
    places::{ImagePlace, choose, places},
    reach::PathReach,
    value::{Mark, Piece},
};
use crate::{
    gitops::{
        EditOptions, EditOutcome, Error, TargetComponent, WrittenImage,
        error::Position,
        insert, overrides, parts,
        scalar::write,
        tree::{ScalarClaim, Tree},
    },
    image::Reference,
};

/// The objects to edit: a built overlay or one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverlaySource<'a> {
    /// The objects that the kustomization of a directory builds.
    Dir(&'a str),
    File(&'a str),
}

/// An overlay or a file to edit.
pub(crate) struct Overlay<'a> {
    pub(crate) source: OverlaySource<'a>,
    /// The environment's name, which identifies other kustomizations of the same environment.
    pub(crate) environment: &'a str,
    pub(crate) component: &'a TargetComponent,
    pub(crate) image: &'a Reference,
    pub(crate) options: &'a EditOptions,
    /// Limits the edit to objects for which this test is true.
    pub(crate) document: Option<&'a str>,
}

impl Overlay<'_> {
    /// Edits the overlay; nothing is changed on an error.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn update(&self, tree: &Tree<'_>) -> Result<EditOutcome, Error> {
        let saved = tree.save();
        let done = self.edited(tree);
        if done.is_err() {
            tree.restore(saved);
        }
        done
    }

    /// Tells whether the overlay deploys an image of the component.
    pub(crate) fn deploys(&self, tree: &Tree<'_>) -> Result<bool, Error> {
        let built = self.build(tree)?;
        match self.chosen(&built) {
            Ok(_) | Err(Error::Ambiguous { .. }) => Ok(true),
            Err(Error::NoContainer { .. }) => {
                Ok(!built.remote.is_empty() && self.remote_entry(&built).is_some())
            }
            Err(error) => Err(error),
        }
    }

    fn build(&self, tree: &Tree<'_>) -> Result<Built, Error> {
        match self.source {
            OverlaySource::Dir(dir) => build(tree, dir),
            OverlaySource::File(file) => build_file(tree, file),
        }
    }

    fn chosen(&self, built: &Built) -> Result<super::places::Chosen, Error> {
        let mut all = places(&built.resources);
        if let Some(document) = self.document {
            all.retain(|place| match document.parse::<usize>() {
                Ok(index) => place.resource == index,
                Err(_) => place.object.eq_ignore_ascii_case(document),
            });
        }
        choose(
            all,
            self.component,
            self.options,
            &Position::start(&built.file),
        )
    }

    fn edited(&self, tree: &Tree<'_>) -> Result<EditOutcome, Error> {
        let before = self.build(tree)?;
        self.check_entries(&before)?;
        let chosen = match self.chosen(&before) {
            Ok(chosen) => chosen,
            Err(error @ Error::NoContainer { .. }) => return self.behind_url(tree, &before, error),
            Err(error) => return Err(error),
        };
        let reach = match self.source {
            OverlaySource::Dir(_) => Some(PathReach::read(tree)?),
            OverlaySource::File(_) => None,
        };
        let mut done = EditOutcome::default();
        if let OverlaySource::Dir(dir) = self.source
            && !self.options.copy
        {
            done.warnings =
                overrides::check_overlay(tree, dir, self.component, &self.names(&chosen))?;
        }
        let mut edited = BTreeSet::new();
        for place in &chosen.edit {
            if !edited.insert(place.key()) {
                continue;
            }
            // Earlier edits have moved the bytes after them.
            let now = self.build(tree)?;
            let same =
                |other: &ImagePlace| other.resource == place.resource && other.path == place.path;
            let Some(place) = places(&now.resources).into_iter().find(same) else {
                continue;
            };
            let wanted = parts::built(self.image, &place.scalar, self.options.create);
            let written = self.set(tree, &now, &place, &wanted, reach.as_ref())?;
            done.places.push(WrittenImage {
                old: place.scalar.text.clone(),
                new: wanted,
                ..written
            });
        }
        let after = self.build(tree)?;
        self.prove(&before, &after, &chosen.edit)?;
        for place in &chosen.stay {
            done.warnings.push(format!(
                "{}: {} {} stays at {}; --all edits it too",
                place.position(&before.file),
                place.object,
                place.container,
                place.scalar.text
            ));
        }
        Ok(done)
    }

    /// Returns the names under which an outer `images:` would match the images, each with the new image.
    fn names(&self, chosen: &super::places::Chosen) -> Vec<(String, String)> {
        let mut names = Vec::new();
        for place in &chosen.edit {
            let wanted = parts::built(self.image, &place.scalar, self.options.create);
            let entry = place.scalar.entry.as_ref().map(|entry| entry.name.clone());
            let now = super::images::split(&place.scalar.text).0.to_owned();
            names.extend(
                [Some(now), entry]
                    .into_iter()
                    .flatten()
                    .map(|name| (name, wanted.clone())),
            );
        }
        names
    }

    /// Refuses an entry for the component that changes no image.
    fn check_entries(&self, built: &Built) -> Result<(), Error> {
        if !built.remote.is_empty() {
            return Ok(());
        }
        let dead = built
            .entries
            .iter()
            .find(|(entry, matched)| *matched == 0 && self.is_about(entry));
        let Some((entry, _)) = dead else {
            return Ok(());
        };
        let names: BTreeSet<_> = places(&built.resources)
            .iter()
            .filter(|place| {
                place.container == self.component.name || self.component.knows(&place.scalar.text)
            })
            .map(|place| super::images::split(&place.scalar.text).0.to_owned())
            .collect();
        let names: Vec<_> = names.into_iter().collect();
        Err(Error::NotUnderstood {
            at: entry.position(),
            construct: format!("the images: entry {}", entry.name),
            reason: "it matches no image, so that kustomize ignores it".to_owned(),
            hint: if names.is_empty() {
                "remove the entry, or write the name that the base has".to_owned()
            } else {
                format!("write name: {}, as the base has it", names.join(" or "))
            },
        })
    }

    pub(super) fn is_about(&self, entry: &ImagesEntry) -> bool {
        let new_name = entry.new_name.as_ref().map(|name| name.text.as_str());
        entry.name == self.component.name
            || self.component.knows(&entry.name)
            || new_name.is_some_and(|name| self.component.knows(name))
    }

    /// Refuses a file that other environments read, unless `--shared-base` is set.
    pub(super) fn check_reach(
        &self,
        reach: Option<&PathReach>,
        mark: &Mark,
        built: &Built,
    ) -> Result<(), Error> {
        let (Some(reach), OverlaySource::Dir(dir)) = (reach, self.source) else {
            return Ok(());
        };
        let others = reach.others(&mark.file, dir, self.environment)?;
        if others.is_empty() || self.options.shared_base {
            return Ok(());
        }
        let shown = |dir: &String| {
            if dir.is_empty() {
                ".".to_owned()
            } else {
                dir.clone()
            }
        };
        let (name, ..) = super::images::split(&mark.text);
        let fields = parts::entry(self.image, name);
        Err(Error::Shared {
            at: mark.position(),
            file: mark.file.to_string(),
            others: others.iter().map(shown).collect::<Vec<_>>().join(", "),
            entry: format!("{} images: [{}]", built.file, insert::flow(&fields)),
        })
    }

    /// Edits the place that sets an image last.
    fn set(
        &self,
        tree: &Tree<'_>,
        built: &Built,
        place: &ImagePlace,
        wanted: &str,
        reach: Option<&PathReach>,
    ) -> Result<WrittenImage, Error> {
        if place.scalar.text == wanted {
            return self.claim_unchanged(tree, place);
        }
        let mark = match &place.scalar.entry {
            Some(entry) => Some(mark_of(entry)),
            None => {
                let (piece, _) = deciding(place, wanted)?;
                piece.mark.as_ref().map(|mark| mark.as_ref().clone())
            }
        };
        let shared = mark.as_ref().map(|mark| {
            let name = super::images::split(&place.scalar.text).0;
            let mark = Mark {
                text: name.to_owned(),
                ..mark.clone()
            };
            self.check_reach(reach, &mark, built)
        });
        match (shared, &place.scalar.entry) {
            (Some(Err(Error::Shared { .. })), _) if self.options.create => {
                self.create(tree, built, place, reach)
            }
            (Some(Err(error)), _) => Err(error),
            (_, Some(entry)) => match self.set_entry(tree, entry, wanted) {
                Ok(()) => Ok(written_at(&mark_of(entry))),
                Err(error) => Err(error),
            },
            (_, None) => self.set_pieces(tree, place, wanted),
        }
    }

    /// Claims an image that is already correct.
    fn claim_unchanged(&self, tree: &Tree<'_>, place: &ImagePlace) -> Result<WrittenImage, Error> {
        let mark = match &place.scalar.entry {
            Some(entry) => mark_of(entry),
            None => match place.scalar.mark() {
                Some(mark) => mark.as_ref().clone(),
                None => return Ok(WrittenImage::default()),
            },
        };
        self.claim(tree, &mark)?;
        Ok(written_at(&mark))
    }

    fn claim(&self, tree: &Tree<'_>, mark: &Mark) -> Result<(), Error> {
        tree.claim(ScalarClaim {
            file: mark.file.to_string(),
            path: mark.path.clone(),
            line: mark.line,
            owner: self.component.name.clone(),
        })
    }

    pub(super) fn set_entry(
        &self,
        tree: &Tree<'_>,
        entry: &ImagesEntry,
        wanted: &str,
    ) -> Result<(), Error> {
        self.claim(tree, &mark_of(entry))?;
        let (name, tag, digest) = super::images::split(wanted);
        let edits = parts::entry_edits(entry, name, tag, digest, self.options.create)?;
        // Backwards, so that the earlier bytes keep their positions.
        let mut scalars = edits.scalars;
        scalars.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.range.start));
        for (mark, text) in &scalars {
            write(tree, mark, text, &self.component.name, self.options)?;
        }
        if !edits.added.is_empty() {
            let text = tree.text(&entry.file)?.unwrap_or_default();
            crate::gitops::scalar::protected(&entry.file, &text)?;
            let after = insert::keys(&entry.file, &text, &entry.name, &edits.added)?;
            tree.put(&entry.file, after.into_bytes());
        }
        Ok(())
    }

    /// Edits the source of a copied scalar, or the one part of a joined scalar that differs.
    fn set_pieces(
        &self,
        tree: &Tree<'_>,
        place: &ImagePlace,
        wanted: &str,
    ) -> Result<WrittenImage, Error> {
        let refuse = |reason: &str| not_edited(place, reason);
        let (piece, rest) = deciding(place, wanted)?;
        let Some(mark) = &piece.mark else {
            return Err(refuse("it is made by a generator or transformer"));
        };
        let (head, tail) = mark
            .text
            .get(..piece.from.start)
            .zip(mark.text.get(piece.from.end..))
            .ok_or_else(|| refuse("its source moved"))?;
        write(
            tree,
            mark,
            &format!("{head}{rest}{tail}"),
            &self.component.name,
            self.options,
        )?;
        Ok(written_at(mark))
    }

    /// Adds an `images:` entry to the overlay's own kustomization.
    fn create(
        &self,
        tree: &Tree<'_>,
        built: &Built,
        place: &ImagePlace,
        reach: Option<&PathReach>,
    ) -> Result<WrittenImage, Error> {
        let at = Mark {
            file: built.file.as_str().into(),
            ..mark_at_start(&built.file)
        };
        self.check_reach(reach, &at, built)?;
        let (name, ..) = super::images::split(&place.scalar.text);
        let fields = parts::entry(self.image, name);
        let text = tree.text(&built.file)?.unwrap_or_default();
        crate::gitops::scalar::protected(&built.file, &text)?;
        let after = insert::entry(&built.file, &text, &fields)?;
        let line = after
            .lines()
            .zip(text.lines())
            .take_while(|(a, b)| a == b)
            .count()
            + 1;
        tree.put(&built.file, after.into_bytes());
        let mark = Mark {
            path: format!(".images[name={name}]"),
            line,
            ..at
        };
        self.claim(tree, &mark)?;
        Ok(written_at(&mark))
    }
}

fn not_edited(place: &ImagePlace, reason: &str) -> Error {
    Error::NotEditable {
        at: place.position(&place.object),
        path: place.path.clone(),
        reason: reason.to_owned(),
        hint: String::new(),
    }
}

/// Returns the one piece of an image that has to change, and its new text.
fn deciding<'a>(place: &'a ImagePlace, wanted: &'a str) -> Result<(&'a Piece, &'a str), Error> {
    let mut pieces = place.scalar.pieces.as_slice();
    let mut rest = wanted;
    while pieces.len() > 1 {
        if let [first, others @ ..] = pieces
            && let Some(short) = rest.strip_prefix(first.text.as_str())
        {
            rest = short;
            pieces = others;
        } else if let [others @ .., last] = pieces
            && let Some(short) = rest.strip_suffix(last.text.as_str())
        {
            rest = short;
            pieces = others;
        } else {
            let reason = "it is put together from several places, and more than one would change";
            return Err(not_edited(place, reason));
        }
    }
    match pieces {
        [piece] => Ok((piece, rest)),
        _ => Err(not_edited(place, "it is empty")),
    }
}

pub(super) fn written_at(mark: &Mark) -> WrittenImage {
    WrittenImage {
        file: mark.file.to_string(),
        path: mark.path.clone(),
        line: mark.line,
        old: String::new(),
        new: String::new(),
    }
}

fn mark_at_start(file: &str) -> Mark {
    Mark {
        file: file.into(),
        line: 1,
        column: 1,
        path: ".images".to_owned(),
        text: String::new(),
        range: 0..0,
        inner: None,
        shared: false,
    }
}

/// Refuses a path that is not a directory with a kustomization.
pub(crate) fn check_dir(tree: &Tree<'_>, dir: &str) -> Result<(), Error> {
    if super::build::kustomization_of(tree, dir)?.is_some() {
        return Ok(());
    }
    let name = dir.rsplit('/').next().unwrap_or(dir);
    if crate::gitops::tree::KUSTOMIZATIONS.contains(&name) {
        return Err(refused(
            Position::start(dir),
            "a kustomization's file",
            "--kustomize takes its directory",
        ));
    }
    let shown = if dir.is_empty() { "." } else { dir };
    Err(Error::no_file(tree, &format!("{shown}/kustomization.yaml")))
}
