//! The hand-over file `release.json`: the repositories and tags of each component of a release.

use serde::{Deserialize, Serialize};

use super::{Error, check_digest, check_version, parse};
use crate::{
    image::{Digest, DigestReference, Repository, Tag},
    json,
};

/// The content of `release.json`: the components and destinations that plan-release computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReleaseFile {
    /// The version of the file, as of the other hand-over files.
    pub(crate) version: u32,
    /// SHA-256 of the `images.json` that was written with it.
    pub(crate) images_digest: Digest,
    /// The Release as `namespace/name`; absent for a release by hand.
    pub(crate) release: Option<String>,
    /// The Snapshot as `namespace/name`; empty when it has no name.
    pub(crate) snapshot: String,
    /// SHA-256 of the merged release data from which the destinations were computed.
    pub(crate) data_digest: Digest,
    pub(crate) components: Vec<ReleasedComponent>,
    /// Components of the Snapshot that are left out.
    pub(crate) left_out: Vec<String>,
    /// Members of the mapping that were ignored.
    pub(crate) ignored: Vec<String>,
}

/// A released component with its destinations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReleasedComponent {
    pub(crate) name: String,
    /// The component's version, if the Snapshot has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) container_image: DigestReference,
    /// The source commit of the build, by the Snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<ReleasedSource>,
    /// The time of the build (RFC 3339), by its label or configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) built: Option<String>,
    /// The platforms of the image, each as `os/arch`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) platforms: Vec<String>,
    pub(crate) destinations: Vec<Destination>,
}

/// The source repository and revision of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReleasedSource {
    /// The URL of its repository.
    pub(crate) url: String,
    pub(crate) revision: String,
}

/// A destination repository with the tags of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Destination {
    pub(crate) repository: Repository,
    pub(crate) tags: Vec<Tag>,
}

impl ReleaseFile {
    /// Reads `release.json`; `expected` is the digest that plan-release reported.
    ///
    /// # Errors
    /// [`Error::Changed`], [`Error::Parse`], [`Error::Version`] or [`Error::Contradiction`].
    pub(crate) fn parse(
        bytes: &[u8],
        origin: &str,
        expected: Option<Digest>,
    ) -> Result<Self, Error> {
        check_digest(bytes, origin, expected)?;
        let release: Self = parse(bytes, origin, "release.json", &json::Shape::Any)?;
        check_version(release.version, origin)?;
        for component in &release.components {
            let empty = component
                .destinations
                .iter()
                .any(|place| place.tags.is_empty());
            if empty || component.destinations.is_empty() {
                return Err(Error::Contradiction {
                    origin: origin.to_owned(),
                    name: component.name.clone(),
                    what: "it has no destination, or one without a tag",
                });
            }
        }
        Ok(release)
    }
}
