//! The commit message, with trailers that lead back to what was verified.

use super::{DeployRequest, Image, images::Wanted};

/// How many characters of a stranger's text a trailer takes.
const MAX_VALUE: usize = 500;

/// A first line for people, then `git interpret-trailers` lines for machines.
pub(super) fn of(request: &DeployRequest, wanted: &Wanted, changed: &[(Image, String)]) -> String {
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
    if let Some(promoted) = &wanted.promoted {
        let text = |value: &Option<String>| value.clone();
        let digest = |value: &Option<crate::image::Digest>| value.map(|digest| digest.to_string());
        let known = [
            ("Git-Tag", text(&promoted.git_tag)),
            ("Source-Commit", text(&promoted.commit)),
            ("Verified-Policy", digest(&promoted.policy_digest)),
            ("Verification-Report", digest(&promoted.report_digest)),
            // Argo CD shows the source's commit beside the deployment's.
            ("Argocd-reference-commit-sha", text(&promoted.commit)),
        ];
        trailers.extend(
            known
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    }
    trailers.extend(request.run_url.clone().map(|url| ("Pipeline-Run", url)));
    if request.signoff {
        let author = &request.author;
        let who = format!("{} <{}>", author.name, author.email);
        trailers.push(("Signed-off-by", who));
    }
    let trailers: Vec<_> = trailers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value_of(value)))
        .collect();
    format!("{}\n\n{}", subject(request, changed), trailers.concat())
}

/// A text on one line: a stranger's text may fill a trailer, never start one.
fn value_of(text: &str) -> String {
    let one_line = text.chars().map(|c| {
        if c.is_control() || c == '\u{2028}' || c == '\u{2029}' {
            ' '
        } else {
            c
        }
    });
    let value: String = one_line.take(MAX_VALUE).collect();
    value.trim().to_owned()
}

fn subject(request: &DeployRequest, changed: &[(Image, String)]) -> String {
    if let Some(message) = &request.message {
        return message.clone();
    }
    let environment = request.environments.join(", ");
    match changed {
        [(image, previous)] => {
            let (old, new) = (
                version_of(previous),
                version_of(&image.reference.to_string()),
            );
            format!("promote({environment}): {} {old} -> {new}", image.name)
        }
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|(image, _)| image.name.as_str())
                .collect();
            format!("promote({environment}): {}", names.join(", "))
        }
    }
}

/// The tag of a reference, else the beginning of its digest.
fn version_of(reference: &str) -> String {
    let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
    match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => tag.to_owned(),
        _ if digest.is_empty() => "latest".to_owned(),
        _ => digest.chars().take("sha256:".len() + 12).collect(),
    }
}
