//! Edits the scalars with Flux's setter markers.

use super::{
    EditOutcome, Error,
    error::Position,
    setter,
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
        let (mut found, mut others) = (Vec::new(), std::collections::BTreeSet::new());
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
        let mut done = EditOutcome::default();
        let of_environment = |one: &setter::Marked| {
            one.mark
                .file
                .split('/')
                .any(|part| part == self.environment)
        };
        if found.iter().any(of_environment) {
            let (ours, stay): (Vec<_>, Vec<_>) = found.into_iter().partition(of_environment);
            for one in stay {
                done.warnings.push(format!(
                    "{} is not edited: it is not below a directory {}",
                    one.mark.position(),
                    self.environment
                ));
            }
            found = ours;
        }
        let Some(first) = found.first() else {
            let others: Vec<_> = others.into_iter().collect();
            return Err(Error::NoMarker {
                file: file.map_or("the repository".to_owned(), |file| {
                    Position::start(file).to_string()
                }),
                name: self.component.name.clone(),
                others: if others.is_empty() {
                    String::new()
                } else {
                    format!(": it has {}", others.join(", "))
                },
            });
        };
        let namespaces = setter::namespaces(&found);
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
        let digest_kept = |file: &str| {
            found
                .iter()
                .any(|one| one.part == setter::MarkerPart::Digest && &*one.mark.file == file)
        };
        let mut edits = Vec::new();
        for one in &found {
            let Some(text) = one.text(&self.image) else {
                return Err(Error::NotEditable {
                    at: one.mark.position(),
                    path: one.mark.path.clone(),
                    reason: "--pin omits that part".to_owned(),
                    hint: "--pin tag-and-digest writes tags and digests".to_owned(),
                });
            };
            if one.part == setter::MarkerPart::Tag
                && self.image.digest.is_some()
                && !digest_kept(&one.mark.file)
            {
                done.warnings.push(format!(
                    "{}: a marker :tag gets the tag alone, the digest is lost",
                    one.mark.position()
                ));
            }
            edits.push((std::rc::Rc::clone(&one.mark), text));
        }
        let written = self.write(tree, edits)?;
        done.places = written.places;
        Ok(done)
    }
}
