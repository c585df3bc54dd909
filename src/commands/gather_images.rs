//! `gather-images`: the images of a Git tag, pinned to digests, the source to its commit.
//!
//! 1. peel the revision at the Git host, once
//! 2. find each image by the Git tag, by the commit, or as a Snapshot or a GitOps directory names it
//! 3. ask the registry for its digest; from here on nothing names a tag
//! 4. write `images.json`

mod overlay;
mod pin;

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Map;

use super::{
    Context, Outcome,
    failures::{git_failure, registry_failure},
    files::write_file,
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    git,
    image::{Digest, DigestReference, Repository, Tag},
    registry::{Content, Manifest, Version},
    snapshot::{Component, Found, GitSource, Images, Promote, Snapshot, Source, VERSION},
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &[
    "IMAGES_TO_VERIFY",
    "IMAGES_COUNT",
    "IMAGES_DIGEST",
    "COMMIT",
];

/// Flags of `gather-images`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository of an image, named NAME or by the last segment of its path
    #[arg(long, value_name = "[NAME=]REPO", conflicts_with = "snapshot")]
    image: Vec<String>,
    /// The same as --image
    #[arg(last = true, value_name = "[NAME=]REPO", conflicts_with = "snapshot")]
    images: Vec<String>,
    /// The source repository, where --revision is peeled to a commit
    #[arg(long, value_name = "URL", requires = "revision")]
    git_url: Option<String>,
    /// The Git tag, or a full commit
    #[arg(long, value_name = "TAG|COMMIT")]
    revision: Option<String>,
    /// The commit that the event named: refuse a --revision that is another one
    #[arg(long, value_name = "COMMIT", requires = "revision")]
    commit: Option<String>,
    /// A Snapshot instead of --image: a file, - for standard input, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    snapshot: Option<String>,
    /// Take the images that the files of this GitOps directory deploy
    #[arg(long, value_name = "DIR", conflicts_with_all = ["image", "images", "snapshot"])]
    overlay: Option<PathBuf>,
    /// Of --overlay only what this branch of the checkout does not deploy there
    #[arg(long, value_name = "BRANCH", requires = "overlay")]
    target_branch: Option<String>,
    /// By which tag an image is found
    #[arg(long, value_name = "HOW", default_value = "auto")]
    strategy: Strategy,
    /// Demand that the Git tag and the commit name the same image
    #[arg(long)]
    cross_check: bool,
    /// The tag that the images will get, recorded for the later steps
    #[arg(long, value_name = "TAG")]
    destination_tag: Option<Tag>,
    /// Accept an empty list of images
    #[arg(long)]
    allow_empty: bool,
    /// Where to write the Snapshot [default: images.json]
    #[arg(long, value_name = "FILE")]
    images_out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Strategy {
    /// By the commit if there is such an image, else by the Git tag
    Auto,
    /// The image has the Git tag
    GitTag,
    /// The image is tagged with the commit
    CommitTag,
}

/// What the revision is.
struct Origin {
    tag: Option<String>,
    commit: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] when the tag, an image or everything is missing, [`Kind::Refused`] when the
/// two tags of `--cross-check` name different images.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let origin = args.peel(context).await?;
    args.expect(&origin)?;
    let mut snapshot = if let Some(text) = &args.snapshot {
        let (snapshot, name) = pin::read(text, context)?;
        args.pin(snapshot, &name, &origin, context).await?
    } else if let Some(dir) = &args.overlay {
        let dir = context.path(Some(dir), "");
        let name = dir.display().to_string();
        let deployed = overlay::snapshot(dir, args.target_branch.as_deref(), context).await?;
        args.pin(deployed, &name, &origin, context).await?
    } else {
        args.find_images(&origin, context).await?
    };
    if snapshot.components.is_empty() && !args.allow_empty {
        return Err(Failure::message(
            Kind::NotFound,
            "there are no images: nothing would be verified",
        )
        .hint("name one by --image, or say --allow-empty"));
    }
    let promote = snapshot.promote.get_or_insert_with(|| Promote {
        version: VERSION,
        git_tag: None,
        commit: None,
        destination_tag: None,
        components: Default::default(),
    });
    promote.git_tag = origin.tag.or(promote.git_tag.take());
    promote.commit = origin.commit.or(promote.commit.take());
    promote.destination_tag = args
        .destination_tag
        .clone()
        .or(promote.destination_tag.take());
    let commit = promote.commit.clone().unwrap_or_default();
    let bytes = snapshot.to_bytes().or_fail(Kind::Bug)?;
    let images = Images::parse(&bytes, "images.json").or_fail(Kind::Usage)?;
    write_file(
        &context.path(args.images_out.as_deref(), "images.json"),
        &bytes,
    )?;
    let pointer = args.images_out.as_deref().map_or_else(
        || "file:images.json".to_owned(),
        |path| path.display().to_string(),
    );
    outcome(&images, &bytes, commit, pointer)
}

/// The results; `pointer` stands for a Snapshot that is too large to be one.
fn outcome(
    images: &Images,
    bytes: &[u8],
    commit: String,
    pointer: String,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    outcome
        .results
        .set("IMAGES_COUNT", images.pinned.len().to_string());
    outcome
        .results
        .set("IMAGES_DIGEST", images.digest.to_string());
    outcome.results.set("COMMIT", commit);
    let inline = std::str::from_utf8(bytes).or_fail(Kind::Bug)?;
    let fits = outcome.results.fits("IMAGES_TO_VERIFY", inline);
    let shown = if fits { inline.to_owned() } else { pointer };
    outcome.results.set("IMAGES_TO_VERIFY", shown);
    for (component, image) in images.components() {
        let line = format!("{} {image}\n", component.name);
        outcome.stdout.extend(line.into_bytes());
    }
    Ok(outcome)
}

impl Args {
    /// Peels `--revision` at `--git-url`; a full commit is taken as it is.
    async fn peel(&self, context: &Context) -> Result<Origin, Failure> {
        let Some(revision) = &self.revision else {
            return Ok(Origin {
                tag: None,
                commit: None,
            });
        };
        if git::is_commit(revision) {
            return Ok(Origin {
                tag: None,
                commit: Some(revision.clone()),
            });
        }
        let tag = revision.strip_prefix("refs/tags/").unwrap_or(revision);
        let Some(url) = self.git_url.clone() else {
            let message = format!(
                "--revision {tag:?} is no full commit: --git-url is needed to find its commit"
            );
            return Err(Failure::message(Kind::Usage, message));
        };
        let shown = url.clone();
        let refs = context
            .git
            .run(move |git| git.ls_remote(&url))
            .await
            .map_err(git_failure)?;
        match git::commit_of_tag(&refs, tag) {
            Some(commit) => Ok(Origin {
                tag: Some(tag.to_owned()),
                commit: Some(commit.to_owned()),
            }),
            None => Err(Failure::message(
                Kind::NotFound,
                format!("no tag {tag:?} in {shown}"),
            )),
        }
    }

    /// Refuses a revision that is not `--commit`: the tag moved since the event.
    fn expect(&self, origin: &Origin) -> Result<(), Failure> {
        match (&self.commit, &origin.commit) {
            (Some(expected), Some(found)) if expected != found => Err(Failure::message(
                Kind::Refused,
                format!("--revision is commit {found}, the event is about commit {expected}"),
            )),
            _ => Ok(()),
        }
    }

    async fn find_images(&self, origin: &Origin, context: &Context) -> Result<Snapshot, Failure> {
        let mut snapshot = Snapshot::default();
        let mut found = std::collections::BTreeMap::new();
        for given in self.image.iter().chain(&self.images) {
            let (name, repository) = named(given)?;
            let (tag, manifest) = self.find(&repository, origin, context).await?;
            let image = repository.pinned(manifest.digest);
            tracing::info!("{name}: {repository}:{tag} is {}", manifest.digest);
            found.insert(name.clone(), describe(Some(tag), &manifest)?);
            snapshot
                .components
                .push(component(name, &image, self.source(origin)));
        }
        snapshot.promote = Some(promote(found));
        Ok(snapshot)
    }

    /// Where images were built from: `--git-url` at the commit of `--revision`.
    fn source(&self, origin: &Origin) -> Option<Source> {
        self.git_url.as_ref().map(|url| Source {
            git: Some(GitSource {
                url: url.clone(),
                revision: origin.commit.clone().unwrap_or_default(),
                other: Map::new(),
            }),
            other: Map::new(),
        })
    }

    /// The image of a repository by the strategy, with the tag that led to it.
    async fn find(
        &self,
        repository: &Repository,
        origin: &Origin,
        context: &Context,
    ) -> Result<(Tag, Manifest), Failure> {
        let (by_commit, by_tag) = (origin.commit.as_deref(), origin.tag.as_deref());
        let names = match self.strategy {
            _ if self.cross_check => vec![by_tag, by_commit],
            Strategy::Auto => vec![by_commit, by_tag],
            Strategy::GitTag => vec![by_tag],
            Strategy::CommitTag => vec![by_commit],
        };
        let tags: Vec<Tag> = names
            .iter()
            .flatten()
            .filter_map(|name| name.parse().ok())
            .collect();
        if tags.is_empty() {
            let message = format!(
                "no tag to look for in {repository}: --revision must be a Git tag or commit that OCI allows as a tag"
            );
            return Err(Failure::message(Kind::Usage, message));
        }
        let mut found = Vec::new();
        for tag in tags {
            let manifest = context
                .registry
                .manifest(repository, &Version::Tag(tag.clone()))
                .await;
            match manifest.map_err(registry_failure)? {
                Some(manifest) if self.cross_check => found.push((tag, manifest)),
                Some(manifest) => return Ok((tag, manifest)),
                None if self.cross_check => return Err(no_image(&format!("{repository}:{tag}"))),
                None => {}
            }
        }
        self.agree(repository, found)
    }

    /// With `--cross-check` every tag must name one digest.
    fn agree(
        &self,
        repository: &Repository,
        found: Vec<(Tag, Manifest)>,
    ) -> Result<(Tag, Manifest), Failure> {
        if self.cross_check && found.len() < 2 {
            let message = "--cross-check needs a Git tag and --git-url, to compare its image with the commit's";
            return Err(Failure::message(Kind::Usage, message));
        }
        let digests: std::collections::BTreeSet<Digest> =
            found.iter().map(|(_, manifest)| manifest.digest).collect();
        if digests.len() > 1 {
            let both: Vec<_> = found
                .iter()
                .map(|(tag, manifest)| format!("{tag} is {}", manifest.digest))
                .collect();
            let message = format!(
                "the tags of {repository} name different images: {}",
                both.join(", ")
            );
            return Err(Failure::message(Kind::Refused, message));
        }
        found
            .into_iter()
            .next()
            .ok_or_else(|| no_image(&repository.to_string()))
    }
}

/// `NAME=REPO` or `REPO`.
fn named(given: &str) -> Result<(String, Repository), Failure> {
    let (name, repository) = match given.split_once('=') {
        Some((name, repository)) if !name.is_empty() => (Some(name), repository),
        _ => (None, given),
    };
    let repository = repository.strip_prefix("docker://").unwrap_or(repository);
    let repository: Repository = repository
        .parse()
        .map_err(|error| Failure::new(Kind::Usage, error).context(format!("--image {given}")))?;
    let name = name.unwrap_or_else(|| repository.last_segment()).to_owned();
    Ok((name, repository))
}

fn no_image(reference: &str) -> Failure {
    Failure::message(Kind::NotFound, format!("no image {reference}"))
        .hint("was it built and pushed? --strategy says by which tag it is found")
}

fn describe(tag: Option<Tag>, manifest: &Manifest) -> Result<Found, Failure> {
    let platforms = match manifest.content().map_err(registry_failure)? {
        Content::Image(_) => Vec::new(),
        Content::Index(index) => {
            let platforms = index
                .manifests
                .iter()
                .filter_map(|child| child.platform.as_ref());
            platforms.map(ToString::to_string).collect()
        }
    };
    Ok(Found {
        tag,
        media_type: manifest.media_type.clone(),
        platforms,
    })
}

fn component(name: String, image: &DigestReference, source: Option<Source>) -> Component {
    Component {
        name,
        container_image: image.to_string(),
        source,
        other: Map::new(),
    }
}

fn promote(components: std::collections::BTreeMap<String, Found>) -> Promote {
    Promote {
        version: VERSION,
        git_tag: None,
        commit: None,
        destination_tag: None,
        components,
    }
}
