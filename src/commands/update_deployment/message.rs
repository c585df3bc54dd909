//! The commit message, with trailers that name what was verified.

use super::{DeployRequest, DeployedImage, images::ImagesToDeploy};
use crate::text;

/// The message of the source's commit below its first line, as a JSON text (Argo CD 3.1).
const BODY: &str = "Argocd-reference-commit-body";

/// Returns a first line for people, then `git interpret-trailers` lines for machines.
pub(super) fn of(
    request: &DeployRequest,
    wanted: &ImagesToDeploy,
    changed: &[(DeployedImage, String)],
) -> String {
    let mut trailers: Vec<(&str, String)> = Vec::new();
    for (image, _) in changed {
        let digest = image
            .digest()
            .map(|digest| digest.to_string())
            .unwrap_or_default();
        let line = ("Image-Digest", format!("{} {digest}", image.name));
        if !trailers.contains(&line) {
            trailers.push(line);
        }
    }
    for (name, digest) in &wanted.evidence {
        if changed.iter().any(|(image, _)| image.name == *name) {
            trailers.push(("Evidence", format!("{name} {digest}")));
        }
    }
    if let Some(promoted) = &wanted.promoted {
        let digest = |value: &Option<crate::image::Digest>| value.map(|digest| digest.to_string());
        let known = [
            ("Git-Tag", promoted.git_tag.clone()),
            ("Source-Commit", promoted.commit.clone()),
            ("Verified-Policy", digest(&promoted.policy_digest)),
            ("Verification-Report", digest(&promoted.report_digest)),
        ];
        trailers.extend(
            known
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    }
    trailers.extend(argocd(wanted));
    trailers.extend(request.run_url.clone().map(|url| ("Pipeline-Run", url)));
    if request.signoff {
        let author = &request.author;
        let who = format!("{} <{}>", author.name, author.email);
        trailers.push(("Signed-off-by", who));
    }
    let trailers: Vec<_> = trailers
        .iter()
        .map(|(name, value)| match *name {
            // A JSON text is on one line already, and would not survive a cut.
            BODY => format!("{name}: {}\n", text::json(value)),
            _ => format!("{name}: {}\n", text::value(value)),
        })
        .collect();
    let subject = subject(request, changed);
    format!("{}\n\n{}", subject.trim_end(), trailers.concat())
}

/// Returns the source's commit, which Argo CD then shows beside the deployment's.
fn argocd(wanted: &ImagesToDeploy) -> Vec<(&'static str, String)> {
    let Some(promoted) = &wanted.promoted else {
        return Vec::new();
    };
    let source = promoted.source.as_ref();
    let of = |value: fn(&crate::snapshot::SourceCommit) -> Option<String>| source.and_then(value);
    let known = [
        (
            "Argocd-reference-commit-author",
            of(|source| source.author.clone()),
        ),
        (
            "Argocd-reference-commit-sha",
            of(|source| Some(source.commit.clone())).or(promoted.commit.clone()),
        ),
        (
            "Argocd-reference-commit-subject",
            of(|source| source.subject.clone()),
        ),
        (BODY, of(|source| json(source.body.as_deref()?))),
        (
            "Argocd-reference-commit-repourl",
            of(|source| Some(source.url.clone())),
        ),
        (
            "Argocd-reference-commit-date",
            of(|source| source.date.clone()),
        ),
    ];
    let known = known.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn json(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}

fn subject(request: &DeployRequest, changed: &[(DeployedImage, String)]) -> String {
    if let Some(message) = &request.message {
        return text::lines(message).into_owned();
    }
    let environment = request.environments.join(", ");
    match changed {
        [(image, previous)] => {
            let (old, new) = (
                version_of(previous),
                version_of(&image.reference.to_string()),
            );
            let subject = format!("promote({environment}): {} {old} -> {new}", image.name);
            text::value(&subject)
        }
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|(image, _)| image.name.as_str())
                .collect();
            text::value(&format!("promote({environment}): {}", names.join(", ")))
        }
    }
}

/// Returns the tag of a reference, else the beginning of its digest.
fn version_of(reference: &str) -> String {
    let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
    match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => tag.to_owned(),
        _ if digest.is_empty() => "latest".to_owned(),
        _ => digest.chars().take("sha256:".len() + 12).collect(),
    }
}
