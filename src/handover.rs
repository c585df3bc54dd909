//! Hand-over files between steps: `verified.json` (the verdict) and `promoted.json` (the copies).
//!
//! Each file has the SHA-256 of the file that it was made from. The digest of the file itself is
//! passed separately (as a Tekton result), so that a change on the workspace is detected.

mod copied;
mod evidence;
mod grammar;
mod release;
mod shard;

pub(crate) use copied::Copied;
pub(crate) use evidence::{AcceptedEvidence, AttachedArtifact, UnreadableFact};
use grammar::{check_identities, check_revision};
pub(crate) use release::{Destination, ReleaseFile, ReleasedComponent, ReleasedSource};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
pub(crate) use shard::Shard;

use crate::{
    image::{Digest, DigestReference, Reference, Tag},
    json,
    snapshot::SourceCommit,
    text::counted,
};

/// The version of the hand-over files that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// A hand-over file that is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file is not the one that the earlier step wrote.
    #[error(
        "{origin} has digest {found}, the earlier step wrote {expected}: the file was changed or belongs to another run"
    )]
    Changed {
        origin: String,
        found: Digest,
        /// The digest that the earlier step reported.
        expected: Digest,
    },
    /// The file is not JSON, or lacks members of a hand-over file.
    #[error("{origin} is not a {kind}: {reason}")]
    Parse {
        origin: String,
        kind: &'static str,
        reason: String,
    },
    /// A name, tag or commit in the file is malformed.
    #[error("{origin} has the invalid {what} {found:?}")]
    Text {
        origin: String,
        what: &'static str,
        found: String,
    },
    /// Another version of this program wrote the file.
    #[error("{origin} has version {found}, this program reads version {VERSION}")]
    Version { origin: String, found: u32 },
    /// The file contradicts itself: it lists a component twice, or as passed despite violations.
    #[error("{origin} contradicts itself about {name:?}: {what}")]
    Contradiction {
        origin: String,
        name: String,
        /// The members that contradict each other.
        what: &'static str,
    },
    /// The file is the verdict over one shard of the list.
    #[error(
        "{origin} is the verdict over shard {shard} of the list: expected one over the whole list, which verify-ec --merge writes"
    )]
    Part { origin: String, shard: Shard },
    /// The file does not list the component.
    #[error("{origin} does not list {name:?}: it lists {listed}")]
    NotListed {
        origin: String,
        /// The requested component or image.
        name: String,
        listed: String,
    },
    /// The file lists the component as refused.
    #[error("{origin} lists {name:?} as refused, with {found}", found = counted(*violations, "violation"))]
    Refused {
        origin: String,
        name: String,
        violations: u64,
    },
    /// The file lists the component with another digest.
    #[error("{origin} accepts {accepted} of {name:?}, not {asked}")]
    OtherDigest {
        origin: String,
        name: String,
        /// The digest that was verified or promoted.
        accepted: Digest,
        /// The requested digest.
        asked: Digest,
    },
}

/// The content of `verified.json`: the verdict of verify-ec over a list of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Verified {
    /// Always [`VERSION`] in a file that was accepted.
    pub(crate) version: u32,
    /// SHA-256 of the `images.json` that was verified.
    pub(crate) images_digest: Digest,
    /// The Git tag of the promotion.
    pub(crate) git_tag: Option<String>,
    /// The commit to which the tag was peeled.
    pub(crate) commit: Option<String>,
    /// The tag that the images get at their destination.
    pub(crate) destination_tag: Option<Tag>,
    /// The time of the verdict (RFC 3339, UTC).
    pub(crate) verified_at: String,
    /// The effective time of the rules (RFC 3339, UTC).
    pub(crate) effective_time: String,
    pub(crate) policy: PolicyRecord,
    pub(crate) report_digest: Digest,
    /// The public key (PEM) of accepted signatures, for a run with a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The identity of accepted signers, for a keyless run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<SignerIdentity>,
    /// The skipped checks, by name.
    pub(crate) skipped_checks: Vec<String>,
    /// The hand-over files that were read without comparing a digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unchecked: Vec<String>,
    /// The shard of the list that was judged; absent for the whole list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shard: Option<Shard>,
    /// The source commit of the promotion, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SourceCommit>,
    pub(crate) components: Vec<VerifiedComponent>,
}

/// The policy of a verdict, with pinned sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PolicyRecord {
    /// The stable name of the policy, without a revision; absent for an inline text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<String>,
    /// The sources, each pinned to a commit or digest.
    pub(crate) sources: Vec<String>,
    /// SHA-256 over the policy's configuration and the content of its sources.
    pub(crate) digest: Digest,
}

/// A keyless signer, by exact values or expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignerIdentity {
    /// The subject alternative name, or an expression for it.
    pub(crate) subject: String,
    /// The OIDC issuer, or an expression for it.
    pub(crate) issuer: String,
}

/// The verdict for one component of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VerifiedComponent {
    pub(crate) name: String,
    /// The component's version, if the Snapshot has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) container_image: DigestReference,
    pub(crate) success: bool,
    pub(crate) violations: u64,
    pub(crate) warnings: u64,
    /// The rules that the policy's configuration excludes for this component.
    pub(crate) exceptions: Vec<String>,
    /// The accepted signatures and attestations.
    #[serde(default)]
    pub(crate) evidence: Vec<AcceptedEvidence>,
    /// Every artifact that was attached to the image during verification.
    #[serde(default)]
    pub(crate) attached: Vec<AttachedArtifact>,
    /// The digests of all signatures and attestations that were read, accepted or not, and of what rules opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) opened: Vec<Digest>,
    /// Facts that could not be read and are not used by a selected rule.
    #[serde(default)]
    pub(crate) unreadable: Vec<UnreadableFact>,
}

/// A `verified.json` that was parsed and whose digest was compared.
///
/// Only parsing creates it; `copy-image` into a gated destination accepts nothing else.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedFile {
    verified: Verified,
    digest: Digest,
    origin: String,
}

impl VerifiedFile {
    /// Reads `verified.json`; `expected` is the digest that verify-ec reported.
    ///
    /// # Errors
    /// [`Error::Changed`], [`Error::Parse`], [`Error::Version`] or [`Error::Contradiction`].
    pub(crate) fn parse(
        bytes: &[u8],
        origin: &str,
        expected: Option<Digest>,
    ) -> Result<Self, Error> {
        let read = Self::parse_part(bytes, origin, expected)?;
        match read.verified.shard {
            Some(shard) => Err(Error::Part {
                origin: origin.to_owned(),
                shard,
            }),
            None => Ok(read),
        }
    }

    /// Reads the verdict over a shard, or over the whole list.
    ///
    /// # Errors
    /// As for the whole list, but for [`Error::Part`].
    pub(crate) fn parse_part(
        bytes: &[u8],
        origin: &str,
        expected: Option<Digest>,
    ) -> Result<Self, Error> {
        let digest = check_digest(bytes, origin, expected)?;
        let verified: Verified = parse(bytes, origin, "verified.json", &json::VERIFIED)?;
        check_version(verified.version, origin)?;
        let identities = verified.components.iter();
        check_identities(
            identities.map(|c| (c.name.as_str(), c.version.as_deref())),
            origin,
        )?;
        check_revision(
            verified.git_tag.as_deref(),
            verified.commit.as_deref(),
            origin,
        )?;
        let passed_in_spite = |c: &&VerifiedComponent| c.success && c.violations > 0;
        if let Some(component) = verified.components.iter().find(passed_in_spite) {
            return Err(Error::Contradiction {
                origin: origin.to_owned(),
                name: component.name.clone(),
                what: "it passed despite violations",
            });
        }
        Ok(Self {
            verified,
            digest,
            origin: origin.to_owned(),
        })
    }

    /// Returns the parsed content of the file.
    #[must_use]
    pub(crate) fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Returns the SHA-256 of the file, as the earlier step reported it.
    #[must_use]
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the image of the component, if verify-ec passed exactly that one.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub(crate) fn image<'a>(
        &'a self,
        component: &'a VerifiedComponent,
    ) -> Result<&'a DigestReference, Error> {
        self.passed(Some(component), &component.name)
            .map(|c| &c.container_image)
    }

    /// Checks that verify-ec passed this digest, in any repository.
    ///
    /// # Errors
    /// [`Error::NotListed`] or [`Error::Refused`].
    pub(crate) fn accepted(&self, digest: Digest) -> Result<&VerifiedComponent, Error> {
        let same = |c: &&VerifiedComponent| c.container_image.digest == digest;
        let mut all = self.verified.components.iter().filter(same);
        let found = all.clone().find(|c| c.success).or_else(|| all.next());
        self.passed(found, &digest.to_string())
    }

    fn passed<'a>(
        &self,
        found: Option<&'a VerifiedComponent>,
        name: &str,
    ) -> Result<&'a VerifiedComponent, Error> {
        let component = found.ok_or_else(|| Error::NotListed {
            origin: self.origin.clone(),
            name: name.to_owned(),
            listed: list(self.verified.components.iter().map(|c| c.name.as_str())),
        })?;
        if !component.success {
            return Err(Error::Refused {
                origin: self.origin.clone(),
                name: component.name.clone(),
                violations: component.violations,
            });
        }
        Ok(component)
    }
}

/// The content of `promoted.json`: the images that copy-image promoted, with their destinations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Promoted {
    /// Always [`VERSION`] in a file that was accepted.
    pub(crate) version: u32,
    /// SHA-256 of the `verified.json` that allowed the copy; absent after `--unverified`.
    pub(crate) verified_digest: Option<Digest>,
    /// The Git tag of the promotion.
    pub(crate) git_tag: Option<String>,
    /// The commit to which the tag was peeled.
    pub(crate) commit: Option<String>,
    /// The digest of the policy of the verdict.
    pub(crate) policy_digest: Option<Digest>,
    pub(crate) report_digest: Option<Digest>,
    /// The hand-over files that were read without comparing a digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unchecked: Vec<String>,
    /// The time of the copy (RFC 3339, UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) promoted_at: Option<String>,
    /// The source commit of the promotion, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SourceCommit>,
    pub(crate) components: Vec<PromotedComponent>,
}

/// A promoted image with its destinations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PromotedComponent {
    pub(crate) name: String,
    /// The component's version, if the Snapshot has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) source: DigestReference,
    /// The tags that name the image now.
    pub(crate) destinations: Vec<Reference>,
    /// The digest, which a copy never changes.
    pub(crate) digest: Digest,
    /// The digest that the first destination named before; `null` for a new tag.
    pub(crate) previous_digest: Option<Digest>,
    /// The media type of its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    /// The size of its manifest in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    pub(crate) copied: Copied,
}

/// A `promoted.json` that was parsed and whose digest was compared.
#[derive(Debug, Clone)]
pub(crate) struct PromotedFile {
    promoted: Promoted,
    digest: Digest,
    origin: String,
}

impl PromotedFile {
    /// Reads `promoted.json`; `expected` is the digest that copy-image reported.
    ///
    /// # Errors
    /// [`Error::Changed`], [`Error::Parse`], [`Error::Version`] or [`Error::Contradiction`].
    pub(crate) fn parse(
        bytes: &[u8],
        origin: &str,
        expected: Option<Digest>,
    ) -> Result<Self, Error> {
        let digest = check_digest(bytes, origin, expected)?;
        let promoted: Promoted = parse(bytes, origin, "promoted.json", &json::PROMOTED)?;
        check_version(promoted.version, origin)?;
        let identities = promoted.components.iter();
        check_identities(
            identities.map(|c| (c.name.as_str(), c.version.as_deref())),
            origin,
        )?;
        check_revision(
            promoted.git_tag.as_deref(),
            promoted.commit.as_deref(),
            origin,
        )?;
        Ok(Self {
            promoted,
            digest,
            origin: origin.to_owned(),
        })
    }

    /// Returns the parsed content of the file.
    #[must_use]
    pub(crate) fn promoted(&self) -> &Promoted {
        &self.promoted
    }

    /// Returns the SHA-256 of the file, as the earlier step reported it.
    #[must_use]
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Checks that a component with this name, in any version, was promoted with this digest.
    ///
    /// # Errors
    /// [`Error::NotListed`] or [`Error::OtherDigest`].
    pub(crate) fn component(&self, name: &str, asked: Digest) -> Result<&PromotedComponent, Error> {
        let components = &self.promoted.components;
        let mut named = components.iter().filter(|c| c.name == name);
        let first = named.clone().next().ok_or_else(|| Error::NotListed {
            origin: self.origin.clone(),
            name: name.to_owned(),
            listed: list(components.iter().map(|c| c.name.as_str())),
        })?;
        named
            .find(|component| component.digest == asked)
            .ok_or_else(|| Error::OtherDigest {
                origin: self.origin.clone(),
                name: name.to_owned(),
                accepted: first.digest,
                asked,
            })
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// Compares the bytes of a hand-over file with the digest that the earlier step reported.
///
/// # Errors
/// [`Error::Changed`].
pub(crate) fn check_digest(
    bytes: &[u8],
    origin: &str,
    expected: Option<Digest>,
) -> Result<Digest, Error> {
    let found = Digest::of(bytes);
    match expected {
        Some(expected) if expected != found => Err(Error::Changed {
            origin: origin.to_owned(),
            found,
            expected,
        }),
        _ => Ok(found),
    }
}

fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    origin: &str,
    kind: &'static str,
    shape: &json::Shape,
) -> Result<T, Error> {
    json::read(bytes, shape).map_err(|error| Error::Parse {
        origin: origin.to_owned(),
        kind,
        reason: error.to_string(),
    })
}

fn check_version(found: u32, origin: &str) -> Result<(), Error> {
    if found == VERSION {
        return Ok(());
    }
    Err(Error::Version {
        origin: origin.to_owned(),
        found,
    })
}

#[cfg(test)]
mod tests;
