//! GitHub's REST API, and the one mutation of GraphQL.

use serde_json::{Value, json};

use super::{Answer, ApiRequest, ChangeRequest, CommitStatus, Forge, not_found};

pub(super) fn answer(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    let path = request.path();
    if path == ["api", "graphql"] {
        return graphql(forge, request);
    }
    let [_, _, "repos", owner, name, rest @ ..] = path.as_slice() else {
        return Err(not_found());
    };
    let repository = format!("{owner}/{name}");
    match (request.method, rest) {
        ("GET", ["pulls"]) => list_requests(forge, request, &repository),
        ("POST", ["pulls"]) => create_request(forge, request, &repository),
        ("GET", ["pulls", number]) => Ok((200, show(forge, &repository, &forge.get(number)?))),
        ("PATCH", ["pulls", number]) => {
            request.only(&[], &["title", "body"])?;
            let changed = forge.change(number, |one| {
                one.title = request.text("title");
                one.body = request.text("body");
            })?;
            Ok((200, show(forge, &repository, &changed)))
        }
        ("PUT", ["pulls", number, "merge"]) => {
            request.only(&["sha"], &[])?;
            forge.change(number, |one| one.auto_merge = true)?;
            Ok((200, json!({"merged": true})))
        }
        ("POST", ["issues", number, "labels"]) => {
            request.only(&["labels"], &[])?;
            forge.change(number, |one| one.labels.extend(request.texts("labels")))?;
            Ok((200, json!([])))
        }
        ("POST", ["pulls", number, "requested_reviewers"]) => {
            add_reviewers(forge, request, owner, number)
        }
        ("POST", ["statuses", commit]) => set_status(forge, request, &repository, commit),
        _ => Err(not_found()),
    }
}

fn list_requests(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
) -> Result<Answer, Answer> {
    request.only_query(&["state", "head", "base"])?;
    let head = request.param("head").and_then(|head| head.split_once(':'));
    let found = forge.open_of(head.map(|(_, branch)| branch), request.param("base"));
    let found: Vec<_> = found
        .iter()
        .map(|one| show(forge, repository, one))
        .collect();
    Ok((200, json!(found)))
}

fn create_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
) -> Result<Answer, Answer> {
    let made = forge.create(repository, requested(request)?, 422)?;
    Ok((201, show(forge, repository, &made)))
}

/// A new change request in the form that GitHub and Gitea share.
pub(super) fn requested(request: &ApiRequest<'_>) -> Result<ChangeRequest, Answer> {
    request.only(&["title", "head", "base"], &["body"])?;
    Ok(ChangeRequest {
        source: request.text("head"),
        target: request.text("base"),
        title: request.text("title"),
        body: request.text("body"),
        ..ChangeRequest::default()
    })
}

/// Adds users and teams; one name is refused as not a collaborator.
fn add_reviewers(
    forge: &Forge,
    request: &ApiRequest<'_>,
    owner: &str,
    number: &str,
) -> Result<Answer, Answer> {
    request.only(&[], &["reviewers", "team_reviewers"])?;
    let names = request.texts("reviewers");
    if names.iter().any(|name| name == "nobody") {
        return Err((
            422,
            json!({"message": "Reviews may only be requested from collaborators."}),
        ));
    }
    let teams = request.texts("team_reviewers");
    let teams = teams.iter().map(|team| format!("{owner}/{team}"));
    forge.change(number, |one| {
        one.reviewers.extend(names);
        one.reviewers.extend(teams);
    })?;
    Ok((201, json!({})))
}

fn set_status(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
    commit: &str,
) -> Result<Answer, Answer> {
    request.only(&["state"], &["context", "description", "target_url"])?;
    let states = ["error", "failure", "pending", "success"];
    if !states.contains(&request.text("state").as_str())
        || request.text("description").chars().count() > 140
    {
        return Err((422, json!({"message": "Validation Failed"})));
    }
    forge.set(repository, status(request, commit))?;
    Ok((201, json!({"id": 1})))
}

/// A status in the form that GitHub and Gitea share.
pub(super) fn status(request: &ApiRequest<'_>, commit: &str) -> CommitStatus {
    CommitStatus {
        commit: commit.to_owned(),
        state: request.text("state"),
        context: request.text("context"),
        description: request.text("description"),
        link: request.body["target_url"].as_str().map(str::to_owned),
    }
}

fn graphql(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    request.only(&["query", "variables"], &[])?;
    if !request.text("query").contains("enablePullRequestAutoMerge") {
        return Ok((200, json!({"errors": [{"message": "unknown field"}]})));
    }
    let id = request.body["variables"]["id"].as_str().unwrap_or_default();
    let number = id.strip_prefix("PR_").unwrap_or_default();
    forge.change(number, |one| one.auto_merge = true)?;
    Ok((200, json!({"data": {}})))
}

fn show(forge: &Forge, repository: &str, one: &ChangeRequest) -> Value {
    let is_open = one.merged.is_none() && !one.closed;
    let labels: Vec<_> = one
        .labels
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    let (teams, people): (Vec<_>, Vec<_>) =
        one.reviewers.iter().partition(|name| name.contains('/'));
    let people: Vec<_> = people.iter().map(|name| json!({"login": name})).collect();
    let teams: Vec<_> = teams
        .iter()
        .map(|name| json!({"slug": name.split('/').next_back()}))
        .collect();
    json!({
        "number": one.number, "node_id": format!("PR_{}", one.number),
        "state": if is_open { "open" } else { "closed" },
        "merged": one.merged.is_some(), "merged_at": one.merged.as_ref().map(|_| "2026-01-02T03:04:05Z"),
        "merge_commit_sha": one.merged, "title": one.title, "body": one.body,
        "head": {"ref": one.source}, "base": {"ref": one.target}, "labels": labels,
        "requested_reviewers": people, "requested_teams": teams,
        "auto_merge": one.auto_merge.then(|| json!({"merge_method": "merge"})),
        "html_url": forge.page(&format!("{repository}/pull/{}", one.number)),
    })
}
