//! The API v1 of Gitea and Forgejo.

use serde_json::{Value, json};

use super::{
    Answer, ApiRequest, ChangeRequest, Forge,
    github::{requested, status},
    not_found,
};

pub(super) fn answer(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    let path = request.path();
    let [_, _, "repos", owner, name, rest @ ..] = path.as_slice() else {
        return Err(not_found());
    };
    let repository = format!("{owner}/{name}");
    match (request.method, rest) {
        ("GET", ["pulls"]) => {
            request.only_query(&["state", "page", "limit"])?;
            let found = forge.open_of(None, None);
            let found: Vec<_> = found
                .iter()
                .map(|one| show(forge, &repository, one))
                .collect();
            Ok((200, page(request, &found)))
        }
        ("POST", ["pulls"]) => create_request(forge, request, &repository),
        ("GET", ["pulls", number]) => Ok((200, show(forge, &repository, &forge.get(number)?))),
        ("PATCH", ["pulls", number]) => {
            request.only(&[], &["title", "body"])?;
            let changed = forge.change(number, |one| {
                one.title = request.text("title");
                one.body = request.text("body");
            })?;
            Ok((201, show(forge, &repository, &changed)))
        }
        ("POST", ["pulls", number, "merge"]) => schedule_merge(forge, request, number),
        ("GET", ["labels"]) => list_labels(forge, request),
        ("POST", ["labels"]) => create_label(forge, request),
        ("POST", ["issues", number, "labels"]) => add_labels(forge, request, number),
        ("POST", ["pulls", number, "requested_reviewers"]) => {
            request.only(&["reviewers"], &[])?;
            forge.change(number, |one| {
                one.reviewers.extend(request.texts("reviewers"));
            })?;
            Ok((201, json!([])))
        }
        ("POST", ["statuses", commit]) => {
            request.only(&["state"], &["context", "description", "target_url"])?;
            forge.set(&repository, status(request, commit))?;
            Ok((201, json!({"id": 1})))
        }
        _ => Err(not_found()),
    }
}

fn create_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
) -> Result<Answer, Answer> {
    let made = forge.create(repository, requested(request)?, 409)?;
    Ok((201, show(forge, repository, &made)))
}

fn schedule_merge(forge: &Forge, request: &ApiRequest<'_>, number: &str) -> Result<Answer, Answer> {
    let known = [
        "merge_when_checks_succeed",
        "delete_branch_after_merge",
        "head_commit_id",
    ];
    request.only(&["Do"], &known)?;
    if forge.get(number)?.auto_merge {
        return Err((409, json!({"message": "auto merge is scheduled already"})));
    }
    forge.change(number, |one| one.auto_merge = true)?;
    Ok((200, Value::Null))
}

fn list_labels(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    request.only_query(&["page", "limit"])?;
    let labels = forge.state().labels.clone();
    let labels: Vec<_> = labels
        .iter()
        .enumerate()
        .map(|(at, name)| json!({"id": at + 1, "name": name}))
        .collect();
    Ok((200, page(request, &labels)))
}

fn create_label(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    request.only(&["name", "color"], &[])?;
    let mut state = forge.state();
    state.labels.push(request.text("name"));
    Ok((
        201,
        json!({"id": state.labels.len(), "name": request.text("name")}),
    ))
}

/// Adds labels by their IDs; unknown IDs are ignored.
fn add_labels(forge: &Forge, request: &ApiRequest<'_>, number: &str) -> Result<Answer, Answer> {
    request.only(&["labels"], &[])?;
    let known = forge.state().labels.clone();
    let ids = request.body["labels"].as_array().into_iter().flatten();
    let ids = ids.filter_map(|id| usize::try_from(id.as_u64()?).ok());
    let names = ids.filter_map(|id| known.get(id.checked_sub(1)?).cloned());
    forge.change(number, |one| one.labels.extend(names))?;
    Ok((200, json!([])))
}

/// Returns one page of a list, by the parameters `page` and `limit`.
fn page(request: &ApiRequest<'_>, all: &[Value]) -> Value {
    let number = |name: &str| {
        request
            .param(name)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let (page, limit) = (number("page").unwrap_or(1), number("limit").unwrap_or(30));
    let items = all.iter().skip((page.max(1) - 1) * limit).take(limit);
    json!(items.collect::<Vec<_>>())
}

fn show(forge: &Forge, repository: &str, one: &ChangeRequest) -> Value {
    let is_open = one.merged.is_none() && !one.closed;
    let labels: Vec<_> = one
        .labels
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    let people: Vec<_> = one
        .reviewers
        .iter()
        .map(|name| json!({"login": name}))
        .collect();
    json!({
        "number": one.number, "state": if is_open { "open" } else { "closed" },
        "merged": one.merged.is_some(), "merge_commit_sha": one.merged,
        "title": one.title, "body": one.body, "labels": labels, "requested_reviewers": people,
        "head": {"ref": one.source}, "base": {"ref": one.target},
        "html_url": forge.page(&format!("{repository}/pulls/{}", one.number)),
    })
}
