//! The text of a change request: its edits, and the verdict that it rests on.

use std::fmt::Write as _;

use super::super::{DeployRequest, images::ImagesToDeploy, plan::Plan};
use crate::text;

/// Returns the text, in Markdown. Every value of a document is written as code, in which hosts recognize neither
/// mentions nor commands.
pub(super) fn of(request: &DeployRequest, wanted: &ImagesToDeploy, plan: &Plan) -> String {
    let mut body = String::new();
    let environments = request.environments.join(", ");
    let _ = writeln!(body, "Promotion to {}.\n", code(&environments));
    body.push_str("| component | now | after |\n|---|---|---|\n");
    for (image, previous) in &plan.changed {
        let (name, after) = (code(&image.name), image.reference.to_string());
        let _ = writeln!(body, "| {name} | {} | {} |", code(previous), code(&after));
    }
    body.push_str("\n| place | file |\n|---|---|\n");
    for place in &plan.places {
        if place.old != place.new {
            let _ = writeln!(body, "| {} | {} |", code(&place.path), code(&place.file));
        }
    }
    body.push_str("\n| verdict | |\n|---|---|\n");
    for (name, value) in verdict(request, wanted) {
        let _ = writeln!(body, "| {name} | {value} |");
    }
    body
}

fn verdict(request: &DeployRequest, wanted: &ImagesToDeploy) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    match &wanted.promoted {
        Some(promoted) => {
            let passed = match promoted.verified_digest {
                Some(_) => "passed",
                None => "not verified",
            };
            rows.push(("result", passed.to_owned()));
            let digest = |digest: crate::image::Digest| code(&digest.to_string());
            let known = [
                ("Git tag", promoted.git_tag.as_deref().map(code)),
                ("source commit", promoted.commit.as_deref().map(code)),
                (
                    "source",
                    promoted.source.as_ref().map(|source| link(&source.url)),
                ),
                ("verified.json", promoted.verified_digest.map(digest)),
                ("policy", promoted.policy_digest.map(digest)),
                ("report", promoted.report_digest.map(digest)),
            ];
            let known = known.into_iter();
            rows.extend(known.filter_map(|(name, value)| Some((name, value?))));
        }
        None => rows.push(("result", "not verified".to_owned())),
    }
    for (name, digest) in &wanted.evidence {
        let text = format!("{name} {digest}");
        rows.push(("evidence bundle", code(&text)));
    }
    if let Some(url) = &request.run_url {
        rows.push(("run", link(url)));
    }
    rows
}

/// Returns a value as code on one line of a table.
fn code(value: &str) -> String {
    let value = text::value(value).replace(['`', '|'], "'");
    match value.as_str() {
        "" => "(nothing)".to_owned(),
        value => format!("`{value}`"),
    }
}

/// Returns a link if the text is a plain URL of the web, else code.
fn link(url: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#=&%+,@".contains(c);
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    match is_web && url.chars().all(plain) {
        true => format!("<{url}>"),
        false => code(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_documents_stay_code() {
        assert_eq!(code("v1`|@all\n/merge"), "`v1''@all\\n/merge`");
        assert_eq!(link("https://git.example/a/b"), "<https://git.example/a/b>");
        assert_eq!(link("javascript:alert(1)"), "`javascript:alert(1)`");
    }
}
