//! The flags of `copy-image` and the typed request that they become.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments of flags are the text of --help"
)]

use std::path::PathBuf;

use super::{CopyMode, CopyRequest, CopySource, VerdictSource, endpoint::CopyEndpoint};
use crate::{
    failure::{Failure, Kind},
    image::Digest,
};

impl Args {
    /// Returns the flags of a copy of one image without a verdict.
    pub(in crate::commands) fn unverified(source: String, destination: String) -> Self {
        Self {
            src: Some(source),
            dst: Some(destination),
            source: None,
            destination: None,
            verified: None,
            verified_digest: None,
            unverified: true,
            tag: Vec::new(),
            to: None,
            release: None,
            release_digest: None,
            map: Vec::new(),
            allow_empty: false,
            attached: None,
            with_reports: false,
            stage_only: false,
            check_tags: false,
            tags_only: false,
            promoted: None,
            promoted_digest: None,
            // skopeo moves a tag back without a check.
            allow_rollback: true,
            immutable: false,
            deep: false,
            dry_run: false,
            platform: None,
            jobs: None,
            retries: None,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("gate").args(["verified", "unverified"])))]
pub(crate) struct Args {
    /// The image to copy: docker://REF, REF or oci:DIR[:TAG] [default: all images in --verified]
    #[arg(value_name = "SRC", conflicts_with_all = ["source", "to", "map"])]
    src: Option<String>,
    /// Where to copy it: docker://REF, REF or oci:DIR[:TAG]
    #[arg(value_name = "DST", conflicts_with = "destination")]
    dst: Option<String>,
    /// The same as SRC
    #[arg(long, value_name = "REF", requires = "destination", conflicts_with_all = ["to", "map"])]
    source: Option<String>,
    /// The same as DST
    #[arg(long, value_name = "REF", requires = "source")]
    destination: Option<String>,
    /// The file that verify-ec wrote; only images that passed are copied [default: verified.json]
    #[arg(long, value_name = "FILE")]
    verified: Option<PathBuf>,
    /// Require this digest of verified.json, as verify-ec reported it; without it a changed file is not noticed
    #[arg(long, value_name = "DIGEST", conflicts_with = "unverified")]
    verified_digest: Option<Digest>,
    /// Copy without a check that the image was verified
    #[arg(long)]
    unverified: bool,
    /// The tag to set; {tag}, {commit} and {name} are replaced by Git tag, commit and component [default: the destination tag in --verified]
    #[arg(long, value_name = "TEMPLATE")]
    tag: Vec<String>,
    /// Copy into this repository instead of tagging in place; {name} is replaced by the component
    #[arg(long, value_name = "REPO")]
    to: Option<String>,
    /// Copy to the repositories and tags in this file of plan-release [default with --release-digest: release.json]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["src", "dst", "source", "destination", "to", "map", "tag", "unverified", "tags_only"])]
    release: Option<PathBuf>,
    /// Require this digest of release.json, as plan-release reported it
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["src", "dst", "source", "destination", "to", "map", "tag", "unverified", "tags_only"])]
    release_digest: Option<Digest>,
    /// Copy the component NAME into this repository
    #[arg(long, value_name = "NAME=REPO")]
    map: Vec<String>,
    /// Accept an empty list of images
    #[arg(long)]
    allow_empty: bool,
    /// Which attached signatures, attestations and other artifacts to copy [default: seen; all with --unverified]
    #[arg(long, value_name = "WHICH")]
    attached: Option<AttachedChoice>,
    /// Also copy the scan reports that the image's provenance names
    #[arg(long)]
    with_reports: bool,
    /// Copy everything by digest and write promoted.json, but do not move tags
    #[arg(long, conflicts_with_all = ["tags_only", "dry_run"])]
    stage_only: bool,
    /// With --stage-only: refuse now if moving the tags would be refused later
    #[arg(long, requires = "stage_only")]
    check_tags: bool,
    /// Move the tags of images that --stage-only has copied, as --promoted lists them
    #[arg(long, conflicts_with_all = ["src", "dst", "source", "destination", "verified", "verified_digest", "tag", "to", "map", "attached", "with_reports", "platform", "deep"])]
    tags_only: bool,
    /// With --tags-only: the file that --stage-only wrote [default: promoted.json]
    #[arg(long, value_name = "FILE", requires = "tags_only")]
    promoted: Option<PathBuf>,
    /// Require this digest of promoted.json, as copy-image reported it
    #[arg(long, value_name = "DIGEST", requires = "tags_only")]
    promoted_digest: Option<Digest>,
    /// Accept an image that is older than the one it replaces
    #[arg(long)]
    allow_rollback: bool,
    /// Refuse to move an existing tag to another image; each tag is read again a second after it was written
    #[arg(long)]
    immutable: bool,
    /// Check every blob even if the destination has the image already, and copy again what it lost
    #[arg(long)]
    deep: bool,
    /// Show what would be copied, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Copy only the image of this platform, which has another digest than its index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// How many transfers to run at the same time per registry [default: up to 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// How many times to repeat a failed request [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=20))]
    retries: Option<u32>,
}

/// The selection of attached artifacts to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AttachedChoice {
    /// All artifacts that verify-ec saw, as verified.json lists them
    Seen,
    /// Only accepted signatures and attestations, and what they name
    Accepted,
    /// Nothing: only the image itself
    None,
}

impl TryFrom<Args> for CopyRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        check_attached(&args)?;
        let verdict = match args.unverified {
            true => VerdictSource::Unverified,
            false => VerdictSource::File {
                path: args.verified.clone(),
                digest: args.verified_digest,
            },
        };
        let staged = args.tags_only.then_some(CopySource::Staged {
            file: args.promoted.clone(),
            digest: args.promoted_digest,
            unverified: args.unverified,
        });
        let request = Self {
            verdict,
            source: source(&args)?,
            tags: args.tag,
            allow_empty: args.allow_empty,
            mode: match args.stage_only {
                true => CopyMode::StageOnly,
                false => CopyMode::Both,
            },
            check_tags: args.check_tags || !args.stage_only,
            attached: args.attached,
            with_reports: args.with_reports,
            immutable: args.immutable,
            deep: args.deep,
            allow_rollback: args.allow_rollback,
            dry_run: args.dry_run,
            platform: args.platform,
            jobs: args.jobs,
            retries: args.retries,
        };
        Ok(match staged {
            Some(staged) => request.moving_tags(staged),
            None => request,
        })
    }
}

impl CopyRequest {
    /// Moves the tags of what an earlier copy staged, and copies nothing.
    pub(in crate::commands) fn moving_tags(self, staged: CopySource) -> Self {
        Self {
            source: staged,
            verdict: VerdictSource::Unverified,
            mode: CopyMode::TagsOnly,
            tags: Vec::new(),
            check_tags: true,
            attached: Some(AttachedChoice::None),
            with_reports: false,
            deep: false,
            platform: None,
            ..self
        }
    }
}

/// Refuses flags that contradict each other about attached artifacts.
fn check_attached(args: &Args) -> Result<(), Failure> {
    if args.unverified
        && matches!(
            args.attached,
            Some(AttachedChoice::Seen | AttachedChoice::Accepted)
        )
    {
        let text =
            "--attached=seen and =accepted need a verified.json, which --unverified leaves out";
        return Err(Failure::message(Kind::Usage, text)
            .hint("leave --attached out to copy everything, or give --attached=none"));
    }
    if args.with_reports && args.attached == Some(AttachedChoice::None) {
        let text = "--with-reports copies attached artifacts, which --attached=none leaves out";
        return Err(Failure::message(Kind::Usage, text));
    }
    Ok(())
}

/// Returns the images that the flags name, and where each goes.
fn source(args: &Args) -> Result<CopySource, Failure> {
    let released = args.release.is_some() || args.release_digest.is_some();
    let from = args.src.as_ref().or(args.source.as_ref());
    let to = args.dst.as_ref().or(args.destination.as_ref());
    match (from, to) {
        (Some(from), Some(to)) => Ok(CopySource::One {
            from: Box::new(CopyEndpoint::parse(from)?),
            to: Box::new(CopyEndpoint::parse(to)?),
        }),
        (Some(from), None) => {
            let text = format!("{from} has no destination: expected SRC DST");
            Err(Failure::message(Kind::Usage, text)
                .hint("name the repository and tag that the image gets as the second argument"))
        }
        (None, _) if released => Ok(CopySource::Released {
            file: args.release.clone(),
            digest: args.release_digest,
        }),
        (None, _) => {
            let map = args.map.iter().map(|entry| mapped(entry));
            Ok(CopySource::All {
                to: args.to.clone(),
                map: map.collect::<Result<_, _>>()?,
            })
        }
    }
}

/// Parses `NAME=REPO`; the later entry of two with one name wins.
fn mapped(entry: &str) -> Result<(String, String), Failure> {
    let split = entry.split_once('=').ok_or_else(|| {
        Failure::message(Kind::Usage, format!("--map {entry:?}: expected NAME=REPO"))
    });
    split.map(|(name, repository)| (name.to_owned(), repository.to_owned()))
}
