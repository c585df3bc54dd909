//! `inspect`: shows everything that is attached to an image, and what other tools read of it. Verifies nothing.

mod signers;

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Context, Outcome, failures::registry_failure, record_failures::record_failure};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    image::{Digest, DigestReference, Reference, Tag},
    record::{EVIDENCE, FoundImage},
    registry::{Attachment, Content, Manifest, Registry, SeenArtifact, Version},
    text,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image, as REPO:TAG or REPO@DIGEST
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: DocumentFormat,
}

/// The format of a printed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DocumentFormat {
    /// Text to read, without a fixed layout
    Text,
    /// One JSON document
    Json,
}

/// An image or platform with the artifacts attached to it.
struct InspectedImage {
    name: String,
    image: DigestReference,
    forecast: crate::record::Forecast,
    attached: Vec<ArtifactLine>,
}

/// One attached artifact as it is listed.
struct ArtifactLine {
    kind: String,
    place: String,
    digest: Digest,
    detail: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] without the image.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let registry = &context.registry;
    let (image, manifest, children) = resolve(&args.image, registry).await?;
    let seen = registry.attachments(&image.repository, &manifest).await;
    let seen = seen.map_err(registry_failure)?;
    let mut shown = Vec::new();
    let images = [("image".to_owned(), image.clone())];
    for (name, one) in images.into_iter().chain(children) {
        shown.push(inspect_image(registry, name, one, &seen).await?);
    }
    let stdout = match args.output {
        DocumentFormat::Text => as_text(&image, &manifest.media_type, &shown).into_bytes(),
        DocumentFormat::Json => {
            let mut bytes =
                serde_json::to_vec_pretty(&as_json(&image, &manifest.media_type, &shown))
                    .or_fail(Kind::Bug)?;
            bytes.push(b'\n');
            bytes
        }
    };
    Ok(Outcome {
        stdout,
        ..Outcome::default()
    })
}

/// The images of an index, each with its platform.
type Children = Vec<(String, DigestReference)>;

/// Finds the digest and the manifest of an image, and the images of an index.
pub(in crate::commands) async fn resolve(
    given: &str,
    registry: &Registry,
) -> Result<(DigestReference, Manifest, Children), Failure> {
    let given = given.strip_prefix("docker://").unwrap_or(given);
    let reference: Reference = given.parse().or_fail(Kind::Usage)?;
    let repository = &reference.repository;
    let version = match (reference.digest, reference.tag.clone()) {
        (Some(digest), _) => Version::Digest(digest),
        (None, tag) => Version::Tag(tag.unwrap_or_else(Tag::latest)),
    };
    let manifest = registry.manifest(repository, &version).await;
    let manifest = manifest.map_err(registry_failure)?;
    let manifest = manifest.ok_or_else(|| {
        let is_bare = reference.tag.is_none() && reference.digest.is_none();
        let latest = if is_bare { ":latest" } else { "" };
        let text = format!("{given}{latest} does not exist");
        let hint = match is_bare {
            true => "name the image as REPOSITORY:TAG or REPOSITORY@sha256:…",
            false => {
                "check the tag or digest, and the login: a registry may hide an image without one"
            }
        };
        Failure::message(Kind::NotFound, text).hint(hint)
    })?;
    let mut children = Vec::new();
    if let Content::Index(index) = manifest.content().map_err(registry_failure)? {
        for child in index.manifests {
            let platform = child.platform.map(|platform| platform.to_string());
            let name = platform.unwrap_or_else(|| child.media_type.clone());
            children.push((name, repository.pinned(child.digest)));
        }
    }
    let image = repository.pinned(manifest.digest);
    Ok((image, manifest, children))
}

async fn inspect_image(
    registry: &Registry,
    name: String,
    image: DigestReference,
    seen: &[SeenArtifact],
) -> Result<InspectedImage, Failure> {
    let found = FoundImage::of(registry, &image)
        .await
        .map_err(record_failure)?;
    let mut attached = Vec::new();
    let prefix = format!("sha256-{}.", image.digest.hex());
    for artifact in seen {
        let is_own = match &artifact.at {
            Attachment::Referrer { subject } => *subject == image.digest,
            Attachment::Tag(tag) => tag.as_str().starts_with(&prefix),
        };
        if !is_own {
            continue;
        }
        let listed = found
            .artifacts
            .iter()
            .find(|a| a.entry.digest == artifact.digest);
        let kind = listed.and_then(|listed| listed.predicate_type.clone());
        let mut detail = signers::of(registry, &image.repository, artifact).await?;
        if artifact.kind == EVIDENCE
            && let Some(listed) = listed
        {
            detail.extend(listed.entry.annotations.values().cloned());
        }
        attached.push(ArtifactLine {
            kind: match kind {
                Some(kind) => format!("bundle {kind}"),
                None => artifact.kind.clone(),
            },
            place: artifact.at.to_string(),
            digest: artifact.digest,
            detail,
        });
    }
    Ok(InspectedImage {
        name,
        image,
        forecast: found.attachments.forecast(),
        attached,
    })
}

fn as_text(image: &DigestReference, media_type: &str, shown: &[InspectedImage]) -> String {
    let mut out = format!("{image}\nmedia type: {}\n", text::line(media_type));
    for one in shown {
        let _ = writeln!(out, "\n{} {}", text::line(&one.name), one.image.digest);
        for line in &one.attached {
            let kind = text::line(&line.kind);
            let _ = writeln!(
                out,
                "  {kind} at {} {}",
                text::line(&line.place),
                line.digest
            );
            for detail in &line.detail {
                let _ = writeln!(out, "    {}", text::line(detail));
            }
        }
        if one.attached.is_empty() {
            out.push_str("  nothing is attached\n");
        }
        let _ = writeln!(
            out,
            "  cosign 3, ec, Kyverno and policy-controller {}",
            one.forecast.description()
        );
    }
    out
}

fn as_json(image: &DigestReference, media_type: &str, shown: &[InspectedImage]) -> Value {
    let images = shown.iter().map(|one| {
        let attached = one.attached.iter().map(|line| {
            json!({"kind": line.kind, "place": line.place, "digest": line.digest, "claims": line.detail})
        });
        json!({
            "name": one.name,
            "image": one.image.to_string(),
            "attached": attached.collect::<Vec<_>>(),
            "otherTools": one.forecast.description(),
        })
    });
    json!({
        "image": image.to_string(),
        "mediaType": media_type,
        "images": images.collect::<Vec<_>>(),
    })
}
