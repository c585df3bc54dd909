//! `gather-images`: the images of a Git tag, pinned to digests, the source to its commit.
//!
//! 1. peel the revision at the Git host, once
//! 2. find each image by the Git tag, by the commit, or as a Snapshot or a GitOps directory names it
//! 3. resolve its digest at the registry; no later step names a tag
//! 4. write `images.json`

mod args;
mod artifact;
mod commit;
mod konflux;
mod overlay;
mod pin;

use std::path::PathBuf;

use args::Emit;
pub(in crate::commands) use args::named_repository;
pub(crate) use args::{Args, Strategy};
pub(crate) use artifact::read as read_artifact;
use commit::source_commit;
pub(crate) use pin::read as read_snapshot;
use serde_json::Map;

use super::{
    Context, Outcome, extract_tag,
    failures::{git_failure, moved, registry_failure},
    files::write_file,
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    git,
    image::{Digest, DigestReference, Repository, Tag},
    registry::{Content, Manifest, Version},
    snapshot::{
        Component, ComponentSource, GitSource, ImageOrigin, Images, Promote, Snapshot, VERSION,
    },
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &[
    "IMAGES_TO_VERIFY",
    "IMAGES_COUNT",
    "IMAGES_DIGEST",
    "COMMIT",
];

/// The images to gather, and the revision to find them for.
#[derive(Debug, Clone)]
pub(crate) struct GatherRequest {
    pub(crate) source: ImageSource,
    /// The source repository, where the revision is peeled to a commit.
    pub(crate) git_url: Option<String>,
    /// The Git tag, or a full commit.
    pub(crate) revision: Option<String>,
    /// The commit that the revision must be.
    pub(crate) commit: Option<String>,
    /// The tag by which an image is found.
    pub(crate) strategy: Strategy,
    /// Requires the Git tag and the commit to name the same image.
    pub(crate) cross_check: bool,
    /// The tag that the images will get, or its template.
    pub(crate) destination_tag: Option<String>,
    /// Accepts a list without images.
    pub(crate) allow_empty: bool,
    /// Where the list is written; `None` is its default name.
    pub(crate) images_out: Option<PathBuf>,
}

/// The input that names the images.
#[derive(Debug, Clone)]
pub(crate) enum ImageSource {
    Repositories(Vec<NamedRepository>),
    /// In a Snapshot: a file, `-` or the JSON itself.
    Snapshot(String),
    /// In the files of a GitOps directory.
    Overlay {
        dir: PathBuf,
        /// The branch whose images there are left out.
        target_branch: Option<String>,
    },
}

/// A component's name and its repository.
#[derive(Debug, Clone)]
pub(crate) struct NamedRepository {
    pub(crate) name: String,
    pub(crate) repository: Repository,
}

/// The list that was written.
#[derive(Debug)]
pub(crate) struct GatheredImages {
    pub(crate) images: Images,
    bytes: Vec<u8>,
    commit: String,
    /// The result in place of a Snapshot that is too large for one.
    pointer: String,
}

/// The commit of the revision, and the tag that it was peeled from.
struct ResolvedRevision {
    tag: Option<String>,
    commit: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] when the tag, an image or everything is missing, [`Kind::Refused`] when the
/// two tags of `--cross-check` name different images.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let after = args.after();
    let mut request: GatherRequest = args.try_into()?;
    if let ImageSource::Snapshot(text) = request.source {
        request.source = ImageSource::Snapshot(konflux::text(text, &after.cluster, context).await?);
    }
    let mut done = perform(&request, context).await?;
    if let Some(repository) = &after.artifact {
        let pushed = artifact::push(&done.bytes, repository, context).await?;
        done.pointer = format!("oci:{pushed}");
    }
    let mut outcome = done.outcome()?;
    if after.artifact.is_some() {
        outcome
            .results
            .set("IMAGES_TO_VERIFY", done.pointer.clone());
    }
    if after.emit == Some(Emit::Snapshot) {
        outcome.stdout = konflux::resource(&done.images, after.application.as_deref())?;
    }
    Ok(outcome)
}

/// Finds the images and writes the list.
///
/// # Errors
/// As [`run`].
pub(crate) async fn perform(
    request: &GatherRequest,
    context: &Context,
) -> Result<GatheredImages, Failure> {
    let (origin, mut snapshot) = request.snapshot(context).await?;
    let destination = request.destination(&origin)?;
    let promote = snapshot
        .promote
        .get_or_insert_with(|| promote(Default::default()));
    promote.git_tag = origin.tag.or(promote.git_tag.take());
    promote.commit = origin.commit.or(promote.commit.take());
    promote.destination_tag = destination.or(promote.destination_tag.take());
    let commit = promote.commit.clone().unwrap_or_default();
    if let Some(url) = request.git_url.clone().filter(|_| !commit.is_empty()) {
        promote.source = Some(source_commit(url, &commit, context).await);
    }
    let bytes = snapshot.to_bytes().or_fail(Kind::Bug)?;
    let images = Images::parse(&bytes, "images.json").or_fail(Kind::Usage)?;
    let out = request.images_out.as_deref();
    write_file(&context.path(out, "images.json"), &bytes)?;
    let pointer = out.map_or_else(
        || "file:images.json".to_owned(),
        |path| path.display().to_string(),
    );
    Ok(GatheredImages {
        images,
        bytes,
        commit,
        pointer,
    })
}

/// Finds the images as [`perform`] does, and writes nothing.
///
/// # Errors
/// As [`run`].
pub(crate) async fn find(
    request: &GatherRequest,
    context: &Context,
) -> Result<Vec<(String, DigestReference)>, Failure> {
    let (_, snapshot) = request.snapshot(context).await?;
    let bytes = snapshot.to_bytes().or_fail(Kind::Bug)?;
    let images = Images::parse(&bytes, "the images").or_fail(Kind::Usage)?;
    let components = images.components();
    Ok(components
        .map(|(component, image)| (component.name.clone(), image.clone()))
        .collect())
}

impl GatheredImages {
    /// Returns the Tekton results and one line per image.
    ///
    /// # Errors
    /// Never for a list that this program wrote.
    pub(crate) fn outcome(&self) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let images = &self.images;
        let count = images.pinned.len().to_string();
        outcome.results.set("IMAGES_COUNT", count);
        outcome
            .results
            .set("IMAGES_DIGEST", images.digest.to_string());
        outcome.results.set("COMMIT", self.commit.clone());
        let inline = std::str::from_utf8(&self.bytes).or_fail(Kind::Bug)?;
        let fits = outcome.results.fits("IMAGES_TO_VERIFY", inline);
        let shown = if fits { inline } else { &self.pointer };
        outcome.results.set("IMAGES_TO_VERIFY", shown);
        for (component, image) in images.components() {
            let line = format!("{} {image}\n", component.name);
            outcome.stdout.extend(line.into_bytes());
        }
        Ok(outcome)
    }
}

impl GatherRequest {
    /// Returns the images of the request, and the revision that they were found for.
    async fn snapshot(&self, context: &Context) -> Result<(ResolvedRevision, Snapshot), Failure> {
        self.check()?;
        let origin = self.peel(context).await?;
        self.expect(&origin)?;
        let snapshot = self.find_all(&origin, context).await?;
        if snapshot.components.is_empty() && !self.allow_empty {
            let text = "the list has no images: nothing would be verified";
            let failure = Failure::message(Kind::NotFound, text);
            return Err(failure.hint("name one by --image, or give --allow-empty"));
        }
        Ok((origin, snapshot))
    }

    /// Returns the tag that the images will get.
    fn destination(&self, origin: &ResolvedRevision) -> Result<Option<Tag>, Failure> {
        let Some(template) = &self.destination_tag else {
            return Ok(None);
        };
        if !template.contains('{') {
            return template.parse().map(Some).or_fail(Kind::Usage);
        }
        let Some(tag) = &origin.tag else {
            let text = format!("--destination-tag {template} needs --revision to be a Git tag");
            return Err(Failure::message(Kind::Usage, text));
        };
        let filled = extract_tag::filled(template, tag)?;
        filled.parse().map(Some).or_fail(Kind::Usage)
    }

    /// Refuses a request that needs a revision and has none.
    fn check(&self) -> Result<(), Failure> {
        let needs = [
            ("--git-url", self.git_url.is_some()),
            ("--commit", self.commit.is_some()),
        ];
        match needs.iter().find(|(_, given)| *given) {
            Some((flag, _)) if self.revision.is_none() => Err(Failure::message(
                Kind::Usage,
                format!("{flag} needs --revision"),
            )
            .hint("give the Git tag of the release, as --revision v1.0")),
            _ => Ok(()),
        }
    }

    async fn find_all(
        &self,
        origin: &ResolvedRevision,
        context: &Context,
    ) -> Result<Snapshot, Failure> {
        match &self.source {
            ImageSource::Snapshot(text) => {
                let (snapshot, name) = pin::read(text, context)?;
                self.pin(snapshot, &name, origin, context).await
            }
            ImageSource::Overlay { dir, target_branch } => {
                let dir = context.path(Some(dir), "");
                let name = dir.display().to_string();
                let deployed = overlay::snapshot(dir, target_branch.as_deref(), context).await?;
                self.pin(deployed, &name, origin, context).await
            }
            ImageSource::Repositories(named) => self.find_images(named, origin, context).await,
        }
    }

    /// Peels `--revision` at `--git-url`; a full commit is taken unchanged.
    async fn peel(&self, context: &Context) -> Result<ResolvedRevision, Failure> {
        let Some(revision) = &self.revision else {
            return Ok(ResolvedRevision {
                tag: None,
                commit: None,
            });
        };
        if git::is_commit(revision) {
            return Ok(ResolvedRevision {
                tag: None,
                commit: Some(revision.clone()),
            });
        }
        let tag = revision.strip_prefix("refs/tags/").unwrap_or(revision);
        let Some(url) = self.git_url.clone() else {
            let message = format!(
                "--revision {tag:?} is not a full commit: --git-url is needed to find its commit"
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
            Some(commit) => Ok(ResolvedRevision {
                tag: Some(tag.to_owned()),
                commit: Some(commit.to_owned()),
            }),
            None => Err(Failure::message(
                Kind::NotFound,
                format!("no tag {tag:?} in {shown}"),
            )
            .hint("--revision takes a Git tag or a full commit: a branch or a short commit may change")),
        }
    }

    /// Refuses a revision that is not `--commit`: the tag moved since the event.
    fn expect(&self, origin: &ResolvedRevision) -> Result<(), Failure> {
        match (&self.commit, &origin.commit) {
            (Some(expected), Some(found)) if expected != found => {
                let name = origin.tag.as_deref().or(self.revision.as_deref());
                let place = self.git_url.as_deref().unwrap_or("--revision");
                Err(moved(name.unwrap_or_default(), expected, found, place))
            }
            _ => Ok(()),
        }
    }

    async fn find_images(
        &self,
        named: &[NamedRepository],
        origin: &ResolvedRevision,
        context: &Context,
    ) -> Result<Snapshot, Failure> {
        let mut snapshot = Snapshot::default();
        let mut found = std::collections::BTreeMap::new();
        for NamedRepository { name, repository } in named {
            let (tag, manifest) = self.find(repository, origin, context).await?;
            let image = repository.pinned(manifest.digest);
            tracing::info!("{name}: {repository}:{tag} is {}", manifest.digest);
            found.insert(name.clone(), describe(Some(tag), &manifest)?);
            snapshot
                .components
                .push(component(name.clone(), &image, self.source(origin)));
        }
        snapshot.promote = Some(promote(found));
        Ok(snapshot)
    }

    /// Returns the source of the images: `--git-url` at the commit of `--revision`.
    fn source(&self, origin: &ResolvedRevision) -> Option<ComponentSource> {
        self.git_url.as_ref().map(|url| ComponentSource {
            git: Some(GitSource {
                url: url.clone(),
                revision: origin.commit.clone().unwrap_or_default(),
                other: Map::new(),
            }),
            other: Map::new(),
        })
    }

    /// Finds the image of a repository by the strategy, with the tag that led to it.
    async fn find(
        &self,
        repository: &Repository,
        origin: &ResolvedRevision,
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
        let searched: Vec<_> = tags.iter().map(ToString::to_string).collect();
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
        if found.is_empty() && !self.cross_check {
            let tags = searched.join(" or ");
            return Err(no_image(&format!("{repository} with the tag {tags}")));
        }
        self.agree(repository, found)
    }

    /// Requires with `--cross-check` that every tag names one digest.
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

fn no_image(reference: &str) -> Failure {
    Failure::message(Kind::NotFound, format!("no image {reference}"))
        .hint("check that it was built and pushed; --strategy sets the tag by which it is found")
}

fn describe(tag: Option<Tag>, manifest: &Manifest) -> Result<ImageOrigin, Failure> {
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
    Ok(ImageOrigin {
        tag,
        media_type: manifest.media_type.clone(),
        platforms,
    })
}

fn component(name: String, image: &DigestReference, source: Option<ComponentSource>) -> Component {
    Component {
        name,
        container_image: image.to_string(),
        source,
        other: Map::new(),
    }
}

fn promote(components: std::collections::BTreeMap<String, ImageOrigin>) -> Promote {
    Promote {
        version: VERSION,
        git_tag: None,
        commit: None,
        destination_tag: None,
        source: None,
        components,
    }
}
