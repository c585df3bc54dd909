//! Edits the scalars with Flux's setter markers.

use std::{collections::BTreeSet, rc::Rc};

use super::{
    EditOutcome, Error,
    error::Position,
    helm,
    setter::{self, Marked, MarkerPart},
    tree::Tree,
    update::{Edit, existing, yaml_files},
};

impl Edit {
    /// Edits every scalar whose marker names the component.
    pub(super) fn setter(
        &self,
        tree: &Tree<'_>,
        file: Option<&str>,
        namespace: Option<&str>,
    ) -> Result<EditOutcome, Error> {
        let files = match file {
            Some(file) => vec![existing(tree, file)?],
            None => yaml_files(tree)?,
        };
        let (found, others) = self.marked_scalars(tree, files, namespace)?;
        let mut warnings = Vec::new();
        let found = self.of_environment(found, &mut warnings);
        self.check_marked(&found, &others, file)?;
        let edits = self.marker_edits(&found, &mut warnings)?;
        let places = self.write(tree, edits)?.places;
        Ok(EditOutcome { places, warnings })
    }

    /// Returns the scalars with a marker of the component, and the policies of all other markers.
    fn marked_scalars(
        &self,
        tree: &Tree<'_>,
        files: Vec<String>,
        namespace: Option<&str>,
    ) -> Result<(Vec<Marked>, BTreeSet<String>), Error> {
        let (mut found, mut others) = (Vec::new(), BTreeSet::new());
        for file in files {
            let bytes = tree.read(&file)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            for marked in setter::marked(&file, &text)? {
                let ours = marked.policy == self.component.name
                    && namespace.is_none_or(|wanted| wanted == marked.namespace);
                if ours {
                    found.push(marked);
                } else {
                    others.insert(format!("{}:{}", marked.namespace, marked.policy));
                }
            }
        }
        Ok((found, others))
    }

    /// Returns the scalars below a directory of the environment, or all if there are none there.
    fn of_environment(&self, found: Vec<Marked>, warnings: &mut Vec<String>) -> Vec<Marked> {
        let is_below = |one: &Marked| {
            let mut parts = one.mark.file.split('/');
            parts.any(|part| part == self.environment)
        };
        if !found.iter().any(is_below) {
            return found;
        }
        let (found, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_below);
        warnings.extend(others.iter().map(|one| {
            format!(
                "{} is not edited: it is not below a directory {}",
                one.mark.position(),
                self.environment
            )
        }));
        found
    }

    /// Refuses an empty list, and markers of several namespaces.
    fn check_marked(
        &self,
        found: &[Marked],
        others: &BTreeSet<String>,
        file: Option<&str>,
    ) -> Result<(), Error> {
        let Some(first) = found.first() else {
            let others: Vec<_> = others.iter().map(String::as_str).collect();
            return Err(Error::NoMarker {
                file: file.map_or(
                    "the repository, in none of its files, so there is no line to name".to_owned(),
                    |file| Position::start(file).to_string(),
                ),
                name: self.component.name.clone(),
                others: if others.is_empty() {
                    String::new()
                } else {
                    format!(": it has {}", others.join(", "))
                },
            });
        };
        let namespaces = setter::namespaces(found);
        if namespaces.len() > 1 {
            return Err(Error::Ambiguous {
                at: first.mark.position(),
                name: self.component.name.clone(),
                places: format!(
                    "policies of the namespaces {}",
                    namespaces.into_iter().collect::<Vec<_>>().join(", ")
                ),
                hint: "name one by --setter-namespace NAMESPACE".to_owned(),
            });
        }
        Ok(())
    }

    /// Returns the new text of each scalar; a digest that no marker of the file keeps is a warning.
    fn marker_edits(
        &self,
        found: &[Marked],
        warnings: &mut Vec<String>,
    ) -> Result<Vec<helm::Edit>, Error> {
        let keeps_digest = |file: &str| {
            found
                .iter()
                .any(|one| one.part == MarkerPart::Digest && &*one.mark.file == file)
        };
        let mut edits = Vec::new();
        for one in found {
            let Some(text) = one.text(&self.image) else {
                return Err(Error::NotEditable {
                    at: one.mark.position(),
                    path: one.mark.path.clone(),
                    reason: "--pin omits that part".to_owned(),
                    hint: "--pin tag-and-digest writes tags and digests".to_owned(),
                });
            };
            if one.part == MarkerPart::Tag
                && self.image.digest.is_some()
                && !keeps_digest(&one.mark.file)
            {
                warnings.push(format!(
                    "{}: a marker :tag gets the tag alone, the digest is lost",
                    one.mark.position()
                ));
            }
            edits.push((Rc::clone(&one.mark), text));
        }
        Ok(edits)
    }
}
