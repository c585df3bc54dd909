//! Proves the effect of an edit: the objects before and after differ only in the image.

use super::{
    build::Built,
    edit::Overlay,
    places::{ImagePlace, is_placeholder, places},
    value::{Value, path_of, quoted},
};
use crate::gitops::{Error, error::Position, parts};

impl Overlay<'_> {
    /// Compares the objects before and after: only the component's images may differ.
    pub(super) fn prove(
        &self,
        before: &Built,
        after: &Built,
        chosen: &[ImagePlace],
    ) -> Result<(), Error> {
        let failed = |reason: String| {
            let first = chosen.first();
            Error::NoEffect {
                at: first.map_or_else(
                    || Position::start(&before.file),
                    |place| place.position(&before.file),
                ),
                path: first.map(|place| place.path.clone()).unwrap_or_default(),
                reason,
            }
        };
        if before.resources.len() != after.resources.len() {
            return Err(failed("the number of objects would change".to_owned()));
        }
        self.check_images(after, chosen).map_err(&failed)?;
        self.check_differences(before, after, chosen)
            .map_err(&failed)
    }

    /// Checks that each chosen place has the new image; the error is the reason.
    fn check_images(&self, after: &Built, chosen: &[ImagePlace]) -> Result<(), String> {
        let now = places(&after.resources);
        for place in chosen {
            let found = now
                .iter()
                .find(|other| other.resource == place.resource && other.path == place.path);
            let wanted = parts::built(self.image, &place.scalar, self.options.create);
            match found {
                Some(found) if found.scalar.text == wanted => {}
                Some(found) => {
                    return Err(format!(
                        "{} {} would run {}",
                        place.object, place.container, found.scalar.text
                    ));
                }
                None => {
                    return Err(format!(
                        "{} {} would be gone",
                        place.object, place.container
                    ));
                }
            }
        }
        Ok(())
    }

    /// Checks that only images of the component differ; the error is the reason.
    fn check_differences(
        &self,
        before: &Built,
        after: &Built,
        chosen: &[ImagePlace],
    ) -> Result<(), String> {
        let images = places(&before.resources);
        for (index, (old, new)) in before.resources.iter().zip(&after.resources).enumerate() {
            let mut differences = Vec::new();
            compare(&old.value, &new.value, "", &mut differences);
            for difference in differences {
                let image = images
                    .iter()
                    .find(|place| place.resource == index && place.path == difference.path);
                if !self.is_allowed(&difference, image, chosen) {
                    return Err(format!(
                        "{}{} would change from {} to {} too",
                        old.kind_and_name(),
                        difference.path,
                        difference.old,
                        difference.new
                    ));
                }
            }
        }
        Ok(())
    }

    /// Tells whether a difference is the component's new image, or the source of a copy of it.
    fn is_allowed(
        &self,
        difference: &Difference,
        image: Option<&ImagePlace>,
        chosen: &[ImagePlace],
    ) -> bool {
        match image {
            Some(place) => {
                let wanted = parts::built(self.image, &place.scalar, self.options.create);
                let ours = chosen.contains(place)
                    || self.component.knows(&place.scalar.text)
                    || is_placeholder(&place.scalar.text);
                difference.new == wanted && ours
            }
            // The source that a replacement copies.
            None => {
                let wanted = parts::written(self.image, &difference.old);
                difference.source && (wanted.contains(&difference.new) || difference.new == wanted)
            }
        }
    }
}

/// A scalar that an edit changed.
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) old: String,
    pub(crate) new: String,
    /// Set for a scalar with the content of a whole file.
    pub(crate) source: bool,
}

/// Collects every scalar that differs between two values.
pub(crate) fn compare(old: &Value, new: &Value, path: &str, found: &mut Vec<Difference>) {
    match (old, new) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            if a.text != b.text || a.null != b.null {
                found.push(Difference {
                    path: path.to_owned(),
                    old: a.text.clone(),
                    new: b.text.clone(),
                    source: b.mark().is_some(),
                });
            }
        }
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            for (at, (one, other)) in a.iter().zip(b).enumerate() {
                compare(one, other, &path_of(path, at, a), found);
            }
        }
        (Value::Map(a), Value::Map(b))
            if a.len() == b.len() && a.iter().zip(b).all(|((a, _), (b, _))| a == b) =>
        {
            for ((key, a), (_, b)) in a.iter().zip(b) {
                compare(a, b, &format!("{path}.{}", quoted(key)), found);
            }
        }
        _ => found.push(Difference {
            path: path.to_owned(),
            old: "one structure".to_owned(),
            new: "another".to_owned(),
            source: false,
        }),
    }
}
