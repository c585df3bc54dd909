//! The images to deploy, with the file that lists them.

use super::{DeployImages, DeployRequest, Pin, ReleaseSource, attested};
use crate::{
    commands::{Context, failures::handover_failure, files::unchecked},
    failure::{Failure, Kind, OrFail as _},
    gitops::TargetComponent,
    handover::{Promoted, PromotedComponent, PromotedFile},
    image::{Digest, Reference},
};

/// An image to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeployedImage {
    pub(crate) name: String,
    /// The repository, tag and digest that it was promoted to.
    pub(crate) reference: Reference,
    /// The repositories under which a file may name it now.
    pub(crate) repositories: Vec<String>,
}

impl DeployedImage {
    /// Takes an image under the name of its component.
    pub(crate) fn new(name: String, reference: Reference) -> Self {
        Self {
            name,
            repositories: vec![reference.repository.to_string()],
            reference,
        }
    }

    /// Returns the reference to write into the file.
    pub(super) fn written(&self, pin: Pin) -> Reference {
        let mut reference = self.reference.clone();
        match pin {
            Pin::Tag if reference.tag.is_some() => reference.digest = None,
            Pin::Digest => reference.tag = None,
            Pin::Tag | Pin::TagAndDigest => {}
        }
        reference
    }

    /// Returns the component by which a file's place is recognised.
    pub(super) fn component(&self) -> TargetComponent {
        TargetComponent {
            name: self.name.clone(),
            repositories: self.repositories.clone(),
        }
    }

    /// Returns the digest; every image that is deployed has one.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.reference.digest
    }
}

/// The images to deploy, with the file that lists them.
#[derive(Debug, Clone)]
pub(super) struct ImagesToDeploy {
    pub(super) images: Vec<DeployedImage>,
    pub(super) promoted: Option<Promoted>,
    pub(super) release: ReleaseSource,
    /// The evidence bundle of each component.
    pub(super) evidence: Vec<(String, Digest)>,
}

/// Reads `promoted.json`, or takes the images of the request, and finds their evidence bundles.
pub(super) fn wanted(
    request: &DeployRequest,
    context: &Context,
) -> Result<ImagesToDeploy, Failure> {
    let mut wanted = requested_images(request, context)?;
    let components = wanted
        .promoted
        .iter()
        .flat_map(|promoted| &promoted.components);
    let names: Vec<_> = components.map(|component| component.name.clone()).collect();
    wanted.evidence = attested::evidence(request.evidence.as_deref(), &names, context)?;
    Ok(wanted)
}

fn requested_images(request: &DeployRequest, context: &Context) -> Result<ImagesToDeploy, Failure> {
    let alone = |images: &[DeployedImage], release: ReleaseSource| ImagesToDeploy {
        images: images.to_vec(),
        promoted: None,
        release,
        evidence: Vec::new(),
    };
    match &request.images {
        DeployImages::Trial { images, release } if request.dry_run => {
            Ok(alone(images, release.clone()))
        }
        DeployImages::Trial { .. } => Err(Failure::message(Kind::Bug, "a trial must not write")),
        DeployImages::Unverified(images) => {
            if !request.dry_run {
                tracing::warn!("deploying without a promoted.json: the images were not verified");
            }
            Ok(alone(images, ReleaseSource::default()))
        }
        DeployImages::Follow(_) => Err(Failure::message(
            Kind::Bug,
            "the followed tag was not resolved",
        )),
        DeployImages::Placed(placed) | DeployImages::Followed(placed) => {
            check_verdict(placed.promoted(), false, "promoted.json")?;
            listed(placed, &[])
        }
        DeployImages::Promoted {
            file,
            digest,
            only,
            unverified,
        } => {
            let path = context.path(file.as_deref(), "promoted.json");
            let bytes = context.read(&path).map_err(|failure| {
                failure.hint(match only.is_empty() {
                    true => "run copy-image first, or name its file by --promoted",
                    false => {
                        "run copy-image first: promoted.json must list the image; --unverified deploys --image without it"
                    }
                })
            })?;
            let origin = path.display().to_string();
            let placed = PromotedFile::parse(&bytes, &origin, *digest).map_err(handover_failure)?;
            unchecked(*digest, "promoted.json", "--promoted-digest");
            check_verdict(placed.promoted(), *unverified, &origin)?;
            listed(&placed, only)
        }
    }
}

/// Returns all images of the file, or only those that are named.
fn listed(placed: &PromotedFile, only: &[DeployedImage]) -> Result<ImagesToDeploy, Failure> {
    let components = placed.promoted().components.iter();
    let images: Result<Vec<_>, _> = match only {
        [] => components.map(of_component).collect(),
        only => only
            .iter()
            .map(|image| promoted_image(image.clone(), placed))
            .collect(),
    };
    let promoted = placed.promoted();
    Ok(ImagesToDeploy {
        images: images?,
        release: ReleaseSource {
            url: promoted.source.as_ref().map(|source| source.url.clone()),
            commit: promoted.commit.clone(),
        },
        promoted: Some(promoted.clone()),
        evidence: Vec::new(),
    })
}

/// Refuses images that were copied without a verdict, unless `--unverified` accepts them.
fn check_verdict(promoted: &Promoted, unverified: bool, origin: &str) -> Result<(), Failure> {
    match (promoted.verified_digest, unverified) {
        (None, false) => {
            let message = format!("{origin} names no verdict: copy-image ran with --unverified");
            Err(Failure::message(Kind::Refused, message)
                .hint("copy images that verify-ec passed; --unverified deploys these anyway"))
        }
        (None, true) => {
            tracing::warn!(
                "deploying images that were copied without a verdict: they were not verified"
            );
            Ok(())
        }
        (Some(_), true) => {
            let message = format!("--unverified is not for {origin}, which names its verdict");
            Err(Failure::message(Kind::Usage, message)
                .hint("leave it out, or name an unverified image by --image"))
        }
        (Some(_), false) => Ok(()),
    }
}

/// Parses `[NAME=]REF`, which must have a digest.
pub(super) fn parse(given: &str) -> Result<DeployedImage, Failure> {
    let (name, reference) = match given.split_once('=') {
        Some((name, reference)) if !name.is_empty() => (Some(name), reference),
        _ => (None, given),
    };
    let reference = reference.strip_prefix("docker://").unwrap_or(reference);
    let reference: Reference = reference.parse().or_fail(Kind::Usage)?;
    if reference.digest.is_none() {
        let message = format!("--image {given} is not pinned: expected [NAME=]REPO[:TAG]@sha256:…");
        return Err(Failure::message(Kind::Usage, message));
    }
    let name = name.unwrap_or_else(|| reference.repository.last_segment());
    Ok(DeployedImage::new(name.to_owned(), reference))
}

/// Returns an image of `--image` that `promoted.json` lists with the same digest.
fn promoted_image(image: DeployedImage, placed: &PromotedFile) -> Result<DeployedImage, Failure> {
    let digest = image
        .digest()
        .ok_or_else(|| Failure::message(Kind::Usage, "the image is not pinned"))?;
    let component = placed
        .component(&image.name, digest)
        .map_err(handover_failure)?;
    // With --pin=tag the tag alone decides which image runs, so the copy must have set it.
    let asked = &image.reference;
    let same = |place: &Reference| {
        place.repository == asked.repository && (asked.tag.is_none() || place.tag == asked.tag)
    };
    if !component.destinations.iter().any(same) {
        let tag = asked.tag.as_ref().map(|tag| format!(":{tag}"));
        let message = format!(
            "promoted.json does not list {} in {}{}",
            image.name,
            asked.repository,
            tag.unwrap_or_default()
        );
        return Err(Failure::message(Kind::Refused, message));
    }
    Ok(image)
}

fn of_component(component: &PromotedComponent) -> Result<DeployedImage, Failure> {
    let Some(first) = component.destinations.first() else {
        let message = format!("promoted.json lists no destination for {}", component.name);
        return Err(Failure::message(Kind::NotFound, message));
    };
    let mut reference = first.clone();
    reference.digest = Some(component.digest);
    let mut repositories = vec![
        first.repository.to_string(),
        component.source.repository.to_string(),
    ];
    repositories.dedup();
    Ok(DeployedImage {
        name: component.name.clone(),
        reference,
        repositories,
    })
}
