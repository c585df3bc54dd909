//! Sets images in values of a Helm chart: an image as one text, or in parts.
//!
//! The present text and its key decide what is written: a whole reference, a repository, a
//! registry, a tag, or a digest with or without `sha256:`. Only existing keys are written; a
//! part whose old value would take precedence is refused.

mod part;

use std::rc::Rc;

use part::{ImagePart, digest_text, is_digest, part_of};

use super::{
    Error,
    error::Position,
    graph::{
        images::split,
        value::{Mark, Scalar, Value},
    },
    parts,
    path::{PathStep, follow},
};
use crate::{gitops::TargetComponent, image::Reference};

/// A scalar and its new text.
pub(super) type Edit = (Rc<Mark>, String);

const REPOSITORIES: [&str; 6] = [
    "newName",
    "repository",
    "image",
    "name",
    "imageName",
    "imageRepository",
];
const TAGS: [&str; 5] = ["tag", "version", "imageTag", "newTag", "imageVersion"];
const DIGESTS: [&str; 5] = ["digest", "sha", "sha256", "imageDigest", "imageSha"];

const REGISTRIES: [&str; 2] = ["registry", "imageRegistry"];
/// Keys that charts join with the others to an image; an edit cannot split the image into them.
const JOINED: [&str; 10] = [
    "org",
    "organization",
    "organisation",
    "imagePrefix",
    "repositoryPrefix",
    "registryUrl",
    "tagSuffix",
    "imageTagSuffix",
    "variant",
    "flavor",
];

/// An image at a path of the values.
pub(super) struct ValuesTarget<'a> {
    pub(super) document: &'a Value,
    pub(super) file: &'a str,
    pub(super) steps: &'a [PathStep],
    pub(super) path: &'a str,
    pub(super) component: &'a TargetComponent,
    pub(super) image: &'a Reference,
    /// Set by `--adopt`: allows the replacement of another image.
    pub(super) adopt: bool,
}

/// Returns the scalars to write for an image, with their texts.
///
/// # Errors
/// [`Error::NothingThere`] and [`Error::NotEditable`].
pub(super) fn edits(target: &ValuesTarget<'_>) -> Result<Vec<Edit>, Error> {
    let found = follow(target.document, target.steps, target.file, target.path)?;
    match &found {
        Value::Map(_) => target.mapping(&found),
        Value::Scalar(scalar) => target.scalar(scalar),
        Value::List(_) => Err(target.refused(
            &found,
            "it is a list",
            "name one of its items: [0] or [name=web]",
        )),
    }
}

/// Returns the image of a mapping of parts, without its version.
pub(super) fn present(value: &Value) -> Option<String> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| value.get(key)?.text());
    let repository = text(&REPOSITORIES).filter(|_| is_versioned(value))?;
    match text(&REGISTRIES) {
        None | Some("") => Some(repository.to_owned()),
        Some(registry) => Some(format!("{registry}/{repository}")),
    }
}

/// Tells whether a mapping has a tag or a digest.
fn is_versioned(value: &Value) -> bool {
    let mut keys = TAGS.iter().chain(&DIGESTS);
    keys.any(|key| value.get(key).is_some())
}

impl ValuesTarget<'_> {
    fn refused(&self, value: &Value, reason: &str, hint: &str) -> Error {
        let at = value.position(self.file);
        self.refused_at(at, reason, hint)
    }

    fn refused_at(&self, at: Position, reason: &str, hint: &str) -> Error {
        Error::NotEditable {
            at,
            path: self.path.to_owned(),
            reason: reason.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// Edits the scalars of a mapping with the parts of an image.
    fn mapping(&self, value: &Value) -> Result<Vec<Edit>, Error> {
        let first = |keys: &[&'static str]| {
            keys.iter()
                .find_map(|key| Some((*key, value.get(key)?.scalar()?)))
        };
        let Some((_, repository)) = first(&REPOSITORIES) else {
            return Err(Error::NothingThere {
                at: value.position(self.file),
                path: self.path.to_owned(),
                missing: "key repository".to_owned(),
                there: format!(
                    "keys {}",
                    value
                        .entries()
                        .iter()
                        .map(|(key, _)| key.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            });
        };
        let registry = first(&REGISTRIES).map(|(_, registry)| registry);
        let registry = registry.filter(|registry| !registry.text.is_empty());
        self.check_present(registry, &repository.text, repository)?;
        self.check_entry(value, repository)?;
        let (tag, digest) = (first(&TAGS).map(|(_, scalar)| scalar), first(&DIGESTS));
        self.check_strays(value, digest)?;
        self.check_global()?;
        let mut edits = Vec::new();
        if tag.is_none() && digest.is_none() {
            edits.extend(edit(
                repository,
                parts::written(self.image, &repository.text),
            ));
            return Ok(edits);
        }
        match registry {
            Some(registry) => {
                edits.extend(edit(registry, self.image.repository.registry().to_owned()));
                let whole = format!("{}/{}", registry.text, repository.text);
                let same = parts::repository(&self.image.repository, &whole) == whole;
                let path = if same {
                    repository.text.clone()
                } else {
                    self.image.repository.path().to_owned()
                };
                edits.extend(edit(repository, path));
            }
            None => edits.extend(edit(
                repository,
                parts::repository(&self.image.repository, &repository.text),
            )),
        }
        edits.extend(self.versions(value, tag, digest)?);
        Ok(edits)
    }

    /// Refuses a place with another component's image, unless `--adopt` is set.
    fn check_present(
        &self,
        registry: Option<&Scalar>,
        text: &str,
        repository: &Scalar,
    ) -> Result<(), Error> {
        let present = match registry {
            Some(registry) => format!("{}/{text}", registry.text),
            None => text.to_owned(),
        };
        let known = self.component.knows(&present)
            || self.component.ends_alike(&present)
            || super::graph::places::is_placeholder(&present);
        if known || self.adopt {
            return Ok(());
        }
        let at = repository
            .mark()
            .map_or_else(|| Position::start(self.file), |mark| mark.position());
        let reason = format!(
            "it holds {present}, which is not an image of {}",
            self.component.name
        );
        Err(self.refused_at(at, &reason, "--adopt replaces it anyway"))
    }

    /// Refuses an entry of kustomize's `images:` that would need a `newName`.
    fn check_entry(&self, value: &Value, repository: &Scalar) -> Result<(), Error> {
        let entry = value.get("newTag").is_some() && value.get("name").is_some();
        let renames =
            parts::repository(&self.image.repository, &repository.text) != repository.text;
        if !entry || value.get("newName").is_some() || !renames {
            return Ok(());
        }
        Err(self.refused(
            value,
            "its name decides which image it sets, and it has no newName",
            &format!("add newName: {} to it", self.image.repository),
        ))
    }

    /// Refuses a registry for all images of the chart that would replace the image's own.
    fn check_global(&self) -> Result<(), Error> {
        let keys: [&[&str]; 3] = [
            &["global", "imageRegistry"],
            &["global", "image", "registry"],
            &["global", "security", "imageRegistry"],
        ];
        for keys in keys {
            let Some(value) = self.document.at(keys) else {
                continue;
            };
            let text = value.text().unwrap_or_default();
            let own = Value::text(value).is_some() && !text.is_empty();
            let inside = self.path.starts_with("global.image");
            if own && !inside && text != self.image.repository.registry() {
                let reason = format!(
                    "{} is {text}, which charts use for every image",
                    keys.join(".")
                );
                return Err(self.refused(
                    value,
                    &reason,
                    "promote into that registry, or name the scalar itself by --key",
                ));
            }
        }
        Ok(())
    }

    /// Refuses unknown sibling keys with 64 hex digits.
    fn check_strays(&self, value: &Value, digest: Option<(&str, &Scalar)>) -> Result<(), Error> {
        // A name with its registry needs no prefix from another key.
        let is_short = present(value).is_some_and(|name| {
            let first = name.split('/').next().unwrap_or_default();
            !first.contains(['.', ':'])
        });
        for (key, inner) in value.entries() {
            let text = inner.text().unwrap_or_default();
            // ingress-nginx has a second digest, for the variant that `chroot: true` deploys.
            let unused =
                key == "digestChroot" && value.get("chroot").and_then(Value::text) == Some("false");
            let known = unused
                || digest.is_some_and(|(name, _)| name == key)
                || REPOSITORIES.contains(&key.as_str())
                || TAGS.contains(&key.as_str());
            let is_joined = JOINED.contains(&key.as_str()) && !text.is_empty();
            let reason = if !known && is_digest(text) {
                "has a digest that would not change"
            } else if is_joined || is_short && self.is_beginning(key, text) {
                "is a part of the image too"
            } else {
                continue;
            };
            return Err(self.refused(
                inner,
                &format!("{key} {reason}"),
                "name the scalars one by one by --file and --path",
            ));
        }
        Ok(())
    }

    /// Tells whether a key that is not an image part holds a prefix of the new image's name,
    /// or of its path: a chart that joins them would repeat it.
    fn is_beginning(&self, key: &str, text: &str) -> bool {
        let is_own = [&REPOSITORIES[..], &TAGS, &DIGESTS, &REGISTRIES]
            .iter()
            .any(|keys| keys.contains(&key));
        let text = text.trim_matches('/');
        let begins = |whole: &str| {
            let rest = whole.strip_prefix(text);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let repository = &self.image.repository;
        !is_own
            && !text.is_empty()
            && (begins(&repository.to_string()) || begins(repository.path()))
    }

    /// Edits the scalars for tag and digest. A single key for the tag gets `tag@digest`.
    fn versions(
        &self,
        value: &Value,
        tag: Option<&Scalar>,
        digest: Option<(&str, &Scalar)>,
    ) -> Result<Vec<Edit>, Error> {
        let pin = "--pin tag-and-digest writes both";
        let mut edits = Vec::new();
        match (tag, digest, &self.image.tag, &self.image.digest) {
            (Some(place), Some((key, other)), Some(tag), Some(digest)) => {
                edits.extend(edit(place, tag.to_string()));
                edits.extend(edit(other, digest_text(key, &other.text, &digest.hex())));
            }
            (Some(place), None, Some(tag), Some(digest)) => {
                edits.extend(edit(place, format!("{tag}@{digest}")));
            }
            (Some(place), None, Some(tag), None) => edits.extend(edit(place, tag.to_string())),
            (Some(place), Some((_, other)), Some(tag), None) if other.text.is_empty() => {
                edits.extend(edit(place, tag.to_string()));
            }
            (None, Some((key, other)), _, Some(digest)) => {
                edits.extend(edit(other, digest_text(key, &other.text, &digest.hex())));
            }
            (Some(place), Some((key, other)), None, Some(digest)) if place.text.is_empty() => {
                edits.extend(edit(other, digest_text(key, &other.text, &digest.hex())));
            }
            (Some(_), Some(_), None, Some(_)) => {
                return Err(self.refused(value, "the old tag would stay beside the digest", pin));
            }
            (_, Some(_), Some(_), None) => {
                return Err(self.refused(value, "the old digest would win over the tag", pin));
            }
            (Some(_), None, None, _) => {
                return Err(self.refused(
                    value,
                    "it has no key for a digest, and the old tag would stay",
                    pin,
                ));
            }
            (None, None, ..) | (_, Some(_), None, None) => {
                return Err(self.refused(
                    value,
                    "it has neither tag nor digest",
                    "name the scalar itself by --key",
                ));
            }
        }
        Ok(edits)
    }

    /// Edits a single scalar: its key and its present text decide which part it is.
    fn scalar(&self, scalar: &Scalar) -> Result<Vec<Edit>, Error> {
        let at = scalar
            .mark()
            .map_or_else(|| Position::start(self.file), |mark| mark.position());
        if scalar.text.contains("{{") {
            return Err(self.refused_at(
                at,
                "it is a template",
                "edit the values that the template is rendered with",
            ));
        }
        let key = self.key();
        let parent = self.parent()?;
        let part = part_of(&key, &scalar.text, parent.as_ref());
        let beside = parent.as_ref().filter(|parent| is_versioned(parent));
        let text = match part {
            None => self.adopted(at, scalar)?,
            Some(ImagePart::Whole) => {
                let alone = split(&scalar.text).0 == scalar.text;
                if let Some(parent) = beside.filter(|_| alone) {
                    return self.mapping(parent);
                }
                self.whole(scalar, alone)?
            }
            // Without an edit of the tag beside it the chart would still deploy the old version.
            Some(ImagePart::Registry | ImagePart::Repository) if let Some(parent) = beside => {
                return self.mapping(parent);
            }
            Some(ImagePart::Registry) => self.image.repository.registry().to_owned(),
            Some(ImagePart::Repository) => parts::repository(&self.image.repository, &scalar.text),
            Some(ImagePart::Digest) => {
                let digest = self.image.digest.as_ref();
                let digest = digest.ok_or_else(|| self.omitted(at, "digest"))?;
                digest_text(&key, &scalar.text, &digest.hex())
            }
            Some(ImagePart::Tag) => self.tag_text(at, parent.as_ref())?,
        };
        Ok(edit(scalar, text).into_iter().collect())
    }

    /// Returns the new text of a scalar that is not an image yet, which needs `--adopt`.
    fn adopted(&self, at: Position, scalar: &Scalar) -> Result<String, Error> {
        if self.adopt {
            return Ok(parts::written(self.image, &scalar.text));
        }
        let reason = format!(
            "it holds {:?}, which is not an image, a tag or a digest",
            scalar.text
        );
        let hint = "correct the path; --adopt replaces it anyway";
        Err(self.refused_at(at, &reason, hint))
    }

    fn omitted(&self, at: Position, part: &str) -> Error {
        let reason = format!("--pin leaves the {part} out");
        self.refused_at(at, &reason, "--pin tag-and-digest writes it")
    }

    /// Returns the text of a tag: with the digest, unless a sibling holds that.
    fn tag_text(&self, at: Position, parent: Option<&Value>) -> Result<String, Error> {
        let Some(tag) = &self.image.tag else {
            return Err(self.omitted(at, "tag"));
        };
        let has_digest_sibling = self.digest_sibling(parent)?;
        match &self.image.digest {
            Some(digest) if !has_digest_sibling => Ok(format!("{tag}@{digest}")),
            None if has_digest_sibling => Err(self.refused_at(
                at,
                "the old digest beside it would win",
                "--pin tag-and-digest and --key of the mapping write both",
            )),
            _ => Ok(tag.to_string()),
        }
    }

    /// Returns a whole reference, behind `NAME=` if the text is such an image of an Argo CD Application.
    fn whole(&self, scalar: &Scalar, alone: bool) -> Result<String, Error> {
        let Some((name, present)) = scalar.text.split_once('=') else {
            if !alone {
                self.check_present(None, &scalar.text, scalar)?;
            }
            let text = parts::written(self.image, &scalar.text);
            // An item without a name of its own does not rename the image.
            let (old, new) = (split(&scalar.text).0, split(&text).0);
            let renamed = self.is_item_of_images() && old != new;
            return Ok(if renamed {
                format!("{old}={text}")
            } else {
                text
            });
        };
        self.check_present(None, present, scalar)?;
        Ok(format!("{name}={}", parts::written(self.image, present)))
    }

    /// Tells whether the scalar is an item of `kustomize.images`.
    fn is_item_of_images(&self) -> bool {
        let [above @ .., PathStep::Key(images), PathStep::At(_)] = self.steps else {
            return false;
        };
        images == "images" && above.last() == Some(&PathStep::Key("kustomize".to_owned()))
    }

    /// Returns the key of a scalar; for an item `{name: image.tag, value: …}`, the end of its name.
    fn key(&self) -> String {
        match self.steps {
            [.., PathStep::With(_, name), PathStep::Key(value)] if value == "value" => name
                .rsplit(['.', '-', '_'])
                .next()
                .unwrap_or(name)
                .to_owned(),
            [.., PathStep::Key(key)] => key.clone(),
            [.., PathStep::Key(key), PathStep::At(_)] => key.clone(),
            _ => String::new(),
        }
    }

    fn parent(&self) -> Result<Option<Value>, Error> {
        match self.steps.split_last() {
            Some((PathStep::Key(_), above)) => {
                Ok(Some(follow(self.document, above, self.file, self.path)?))
            }
            _ => Ok(None),
        }
    }

    /// Tells whether a digest is set beside a tag: by a key, or by a parameter of the same image.
    fn digest_sibling(&self, parent: Option<&Value>) -> Result<bool, Error> {
        let set = |value: &Value| value.text().is_some_and(|text| !text.is_empty());
        if parent.is_some_and(|parent| DIGESTS.iter().any(|key| parent.get(key).is_some_and(set))) {
            return Ok(true);
        }
        let [above @ .., PathStep::With(_, name), PathStep::Key(_)] = self.steps else {
            return Ok(false);
        };
        let list = follow(self.document, above, self.file, self.path)?;
        let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
        Ok(list.items().iter().any(|item| {
            let other = item.get("name").and_then(Value::text).unwrap_or_default();
            DIGESTS.iter().any(|key| other == format!("{stem}.{key}"))
        }))
    }
}

fn edit(scalar: &Scalar, text: String) -> Option<Edit> {
    Some((Rc::clone(scalar.mark()?), text))
}
