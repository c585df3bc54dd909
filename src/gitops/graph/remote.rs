//! Sets images of remote resources, which are not fetched, by their `images:` entry.

use std::rc::Rc;

use super::{
    build::Built,
    edit::{Overlay, written_at},
    images::{ImagesEntry, mark_of},
    reach::PathReach,
    value::Scalar,
};
use crate::gitops::{EditOutcome, Error, WrittenImage, error::Position, parts, tree::Tree};

impl Overlay<'_> {
    /// Returns the one entry for the component.
    pub(super) fn remote_entry<'b>(&self, built: &'b Built) -> Option<&'b Rc<ImagesEntry>> {
        let mut fitting = built
            .entries
            .iter()
            .filter(|(entry, _)| self.is_about(entry));
        match (fitting.next(), fitting.next()) {
            (Some((entry, _)), None) => Some(entry),
            _ => None,
        }
    }

    /// Sets the image of a remote resource: its `images:` entry is assumed to match.
    pub(super) fn behind_url(
        &self,
        tree: &Tree<'_>,
        built: &Built,
        error: Error,
    ) -> Result<EditOutcome, Error> {
        let Some((url, _)) = built.remote.first() else {
            return Err(error);
        };
        let Some(entry) = self.remote_entry(built) else {
            let (_, at) = built
                .remote
                .first()
                .cloned()
                .unwrap_or_else(|| (String::new(), Position::start(&built.file)));
            return Err(Error::NotUnderstood {
                at,
                construct: format!("the resource {url}"),
                reason:
                    "a remote resource is not fetched, and no images: entry names the component"
                        .to_owned(),
                hint: format!(
                    "add an images: entry for the name of {} there",
                    self.component.name
                ),
            });
        };
        let text = |scalar: &Option<Scalar>| {
            scalar
                .as_ref()
                .map(|scalar| scalar.text.clone())
                .unwrap_or_default()
        };
        let name = entry
            .new_name
            .as_ref()
            .map_or_else(|| entry.name.clone(), |name| name.text.clone());
        let mut old = name;
        for (mark, part) in [(":", text(&entry.new_tag)), ("@", text(&entry.digest))] {
            if !part.is_empty() {
                old = format!("{old}{mark}{part}");
            }
        }
        let wanted = parts::written(self.image, &old);
        let reach = PathReach::read(tree)?;
        self.check_reach(Some(&reach), &mark_of(entry), built)?;
        self.set_entry(tree, entry, &wanted)?;
        let mut done = EditOutcome::default();
        done.places.push(WrittenImage {
            old,
            new: wanted,
            ..written_at(&mark_of(entry))
        });
        done.warnings.push(format!(
            "{}: the resource {url} is not fetched: the entry {} is assumed to match",
            entry.position(),
            entry.name
        ));
        Ok(done)
    }
}
