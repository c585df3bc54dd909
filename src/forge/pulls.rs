//! Pull requests of GitHub, Gitea and Forgejo, which share this part of the API.

use serde_json::{Value, json};

use super::{
    ChangeRequest, Error, Forge, Proposal,
    api::{ApiRequest, ApiRight},
    text,
};
use crate::http::Method;

/// Opens a pull request and returns the host's answer.
pub(super) async fn create(
    forge: &Forge,
    repository: &str,
    proposal: &Proposal,
) -> Result<Value, Error> {
    let body = json!({
        "title": proposal.title,
        "head": proposal.branch,
        "base": proposal.target,
        "body": proposal.body,
    });
    let path = format!("{repository}/pulls");
    let call = ApiRequest::send(Method::POST, path, body, ApiRight::Write).not_repeatable();
    forge.api.send(call).await
}

/// Updates title and body if they differ; `path` is that of the pull request.
pub(super) async fn renew(
    forge: &Forge,
    path: String,
    found: &ChangeRequest,
    proposal: &Proposal,
) -> Result<(), Error> {
    let same = |name: &str, wanted: &str| text(&found.raw, &[name]).unwrap_or_default() == wanted;
    if same("title", &proposal.title) && same("body", &proposal.body) {
        return Ok(());
    }
    let body = json!({"title": proposal.title, "body": proposal.body});
    let call = ApiRequest::send(Method::PATCH, path, body, ApiRight::Write);
    forge.api.send(call).await.map(drop)
}

/// Tells whether a list of the pull request has an entry with `name` in the member `key`.
pub(super) fn has(found: &ChangeRequest, list: &str, key: &str, name: &str) -> bool {
    let all = found.raw[list].as_array();
    all.is_some_and(|all| all.iter().any(|own| own[key].as_str() == Some(name)))
}
