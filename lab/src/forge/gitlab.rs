//! GitLab's API v4, and its push options.

use serde_json::{Value, json};

use super::{Answer, ApiRequest, ChangeRequest, CommitStatus, Forge, not_found};
use crate::git::packet::Push;

pub(super) fn answer(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    let path = request.path();
    match (request.method, &path[2..]) {
        ("GET", ["users"]) => find_user(request),
        ("GET", ["projects", project, "merge_requests"]) => {
            request.only_query(&["state", "source_branch", "target_branch"])?;
            let found = forge.open_of(
                request.param("source_branch"),
                request.param("target_branch"),
            );
            let found: Vec<_> = found.iter().map(|one| show(forge, project, one)).collect();
            Ok((200, json!(found)))
        }
        ("POST", ["projects", project, "merge_requests"]) => {
            create_request(forge, request, project)
        }
        ("GET", ["projects", project, "merge_requests", number]) => {
            Ok((200, show(forge, project, &forge.get(number)?)))
        }
        ("PUT", ["projects", project, "merge_requests", number]) => {
            change_request(forge, request, project, number)
        }
        ("PUT", ["projects", project, "merge_requests", number, "merge"]) => {
            merge_when_green(forge, request, project, number)
        }
        ("POST", ["projects", project, "statuses", commit]) => {
            set_status(forge, request, project, commit)
        }
        _ => Err(not_found()),
    }
}

/// Returns the user of a name as a list; one name has none.
fn find_user(request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    request.only_query(&["username"])?;
    let name = request.param("username").unwrap_or_default();
    let id = match name {
        "nobody" => json!([]),
        name => json!([{"id": id_of(name), "username": name}]),
    };
    Ok((200, id))
}

fn create_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    project: &str,
) -> Result<Answer, Answer> {
    let others = [
        "description",
        "labels",
        "reviewer_ids",
        "remove_source_branch",
    ];
    request.only(&["source_branch", "target_branch", "title"], &others)?;
    let new = ChangeRequest {
        source: request.text("source_branch"),
        target: request.text("target_branch"),
        title: request.text("title"),
        body: request.text("description"),
        labels: labels(&request.text("labels")),
        ..ChangeRequest::default()
    };
    let made = forge.create(project, new, 409)?;
    Ok((201, show(forge, project, &made)))
}

fn change_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    project: &str,
    number: &str,
) -> Result<Answer, Answer> {
    request.only(&[], &["title", "description", "add_labels", "reviewer_ids"])?;
    let reviewers = request.body["reviewer_ids"].as_array().cloned();
    let changed = forge.change(number, |one| {
        if request.body["title"].is_string() {
            one.title = request.text("title");
        }
        if request.body["description"].is_string() {
            one.body = request.text("description");
        }
        one.labels.extend(labels(&request.text("add_labels")));
        if let Some(ids) = reviewers {
            one.reviewers = ids.iter().map(|id| format!("user-{id}")).collect();
        }
    })?;
    Ok((200, show(forge, project, &changed)))
}

/// Schedules the merge if the branch is still at the commit that the request names.
fn merge_when_green(
    forge: &Forge,
    request: &ApiRequest<'_>,
    project: &str,
    number: &str,
) -> Result<Answer, Answer> {
    let known = [
        "merge_when_pipeline_succeeds",
        "should_remove_source_branch",
        "sha",
    ];
    request.only(&[], &known)?;
    let head = forge.branch(project, &forge.get(number)?.source);
    if head != Some(request.text("sha")) {
        let text = "SHA does not match HEAD of source branch";
        return Err((409, json!({"message": text})));
    }
    let changed = forge.change(number, |one| one.auto_merge = true)?;
    Ok((200, show(forge, project, &changed)))
}

/// Stores a status; the same state twice is refused, as GitLab does.
fn set_status(
    forge: &Forge,
    request: &ApiRequest<'_>,
    project: &str,
    commit: &str,
) -> Result<Answer, Answer> {
    request.only(&["state"], &["name", "description", "target_url"])?;
    let states = ["pending", "running", "success", "failed", "canceled"];
    if !states.contains(&request.text("state").as_str()) {
        return Err((400, json!({"error": "state does not have a valid value"})));
    }
    let status = CommitStatus {
        commit: commit.to_owned(),
        state: request.text("state"),
        context: request.text("name"),
        description: request.text("description"),
        link: request.body["target_url"].as_str().map(str::to_owned),
    };
    let is_same =
        |one: &&CommitStatus| one.commit == status.commit && one.context == status.context;
    let before = forge.statuses();
    let before = before.iter().rfind(is_same);
    if before.is_some_and(|before| before.state == status.state) {
        let text = "Cannot transition status via :run from :running";
        return Err((400, json!({"message": text})));
    }
    forge.set(project, status)?;
    Ok((201, json!({"id": 1})))
}

/// A number for a name, the same each time.
fn id_of(name: &str) -> u64 {
    name.bytes().map(u64::from).sum()
}

fn labels(text: &str) -> Vec<String> {
    let all = text.split(',').filter(|label| !label.is_empty());
    all.map(str::to_owned).collect()
}

fn show(forge: &Forge, project: &str, one: &ChangeRequest) -> Value {
    let state = match (&one.merged, one.closed) {
        (Some(_), _) => "merged",
        (None, true) => "closed",
        (None, false) => "opened",
    };
    let reviewers: Vec<_> = one
        .reviewers
        .iter()
        .map(|name| json!({"id": name.trim_start_matches("user-").parse::<u64>().ok()}))
        .collect();
    json!({
        "iid": one.number, "state": state, "title": one.title, "description": one.body,
        "source_branch": one.source, "target_branch": one.target, "labels": one.labels,
        "reviewers": reviewers, "merge_when_pipeline_succeeds": one.auto_merge,
        "merge_commit_sha": one.merged, "squash_commit_sha": null,
        "sha": forge.branch(project, &one.source),
        "web_url": forge.page(&format!("{project}/-/merge_requests/{}", one.number)),
    })
}

pub(super) fn pushed(forge: &Forge, project: &str, push: &Push) -> Option<String> {
    let options = &push.options;
    let has = |name: &str| options.iter().any(|option| option == name);
    let value = |name: &str| {
        let found = options.iter().find_map(|option| option.strip_prefix(name));
        found
            .and_then(|rest| rest.strip_prefix('='))
            .map(|text| text.replace("\\n", "\n"))
    };
    let source = push.refs.first()?.name.strip_prefix("refs/heads/")?;
    if !has("merge_request.create") {
        return None;
    }
    let all_labels = options
        .iter()
        .filter_map(|one| one.strip_prefix("merge_request.label="));
    let new = ChangeRequest {
        source: source.to_owned(),
        target: value("merge_request.target")?,
        title: value("merge_request.title")?,
        body: value("merge_request.description").unwrap_or_default(),
        labels: all_labels.map(str::to_owned).collect(),
        auto_merge: has("merge_request.merge_when_pipeline_succeeds"),
        ..ChangeRequest::default()
    };
    let (source, target) = (new.source.clone(), new.target.clone());
    let made = forge.create(project, new, 409).ok();
    let made = made.or_else(|| forge.open_of(Some(&source), Some(&target)).first().cloned())?;
    let page = forge.page(&format!("{project}/-/merge_requests/{}", made.number));
    Some(format!("\nView merge request for {source}:\n  {page}\n"))
}
