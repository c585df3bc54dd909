//! The REST API of Bitbucket Data Center.

use serde_json::{Value, json};

use super::{Answer, ApiRequest, ChangeRequest, CommitStatus, Forge, not_found};

pub(super) fn answer(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    let path = request.path();
    if let ("POST", ["rest", "build-status", "1.0", "commits", commit]) =
        (request.method, path.as_slice())
    {
        return set_status(forge, request, commit);
    }
    let [
        "rest",
        "api",
        "1.0",
        "projects",
        owner,
        "repos",
        name,
        "pull-requests",
        rest @ ..,
    ] = path.as_slice()
    else {
        return Err(not_found());
    };
    let repository = format!("scm/{owner}/{name}");
    match (request.method, rest) {
        ("GET", []) => list_requests(forge, request, &repository),
        ("POST", []) => create_request(forge, request, &repository, name),
        ("GET", [number]) => Ok((200, show(forge, &repository, &forge.get(number)?))),
        ("PUT", [number]) => change_request(forge, request, &repository, number),
        ("POST", [number, "merge"]) => schedule_merge(forge, request, &repository, number),
        _ => Err(not_found()),
    }
}

fn list_requests(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
) -> Result<Answer, Answer> {
    request.only_query(&["state", "direction", "at"])?;
    let source = request.param("at").unwrap_or_default();
    let source = source.strip_prefix("refs/heads/").unwrap_or_default();
    let found = forge.open_of(Some(source), None);
    let found: Vec<_> = found
        .iter()
        .map(|one| show(forge, repository, one))
        .collect();
    Ok((200, json!({"values": found, "isLastPage": true})))
}

fn create_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
    name: &str,
) -> Result<Answer, Answer> {
    request.only(
        &["title", "fromRef", "toRef"],
        &["description", "reviewers"],
    )?;
    let branch = |side: &str| {
        let id = request.body[side]["id"].as_str().unwrap_or_default();
        id.strip_prefix("refs/heads/")
            .unwrap_or_default()
            .to_owned()
    };
    if request.body["fromRef"]["repository"]["slug"] != name {
        return Err((400, json!({"errors": [{"message": "no such repository"}]})));
    }
    let new = ChangeRequest {
        source: branch("fromRef"),
        target: branch("toRef"),
        title: request.text("title"),
        body: request.text("description"),
        reviewers: reviewers(&request.body["reviewers"]),
        ..ChangeRequest::default()
    };
    let made = forge.create(repository, new, 409)?;
    Ok((201, show(forge, repository, &made)))
}

/// Changes a change request whose current version the caller has.
fn change_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
    number: &str,
) -> Result<Answer, Answer> {
    request.only(&["version"], &["title", "description", "reviewers"])?;
    if request.body["version"] != forge.get(number)?.version {
        return Err((
            409,
            json!({"errors": [{"message": "the version is not current"}]}),
        ));
    }
    let changed = forge.change(number, |one| {
        one.title = request.text("title");
        one.body = request.text("description");
        one.reviewers = reviewers(&request.body["reviewers"]);
    })?;
    Ok((200, show(forge, repository, &changed)))
}

fn schedule_merge(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
    number: &str,
) -> Result<Answer, Answer> {
    request.only_query(&["version"])?;
    request.only(&["autoMerge"], &["message", "strategyId", "autoSubject"])?;
    let version = forge.get(number)?.version.to_string();
    if request.param("version") != Some(&version) {
        return Err((
            409,
            json!({"errors": [{"message": "the version is not current"}]}),
        ));
    }
    let changed = forge.change(number, |one| one.auto_merge = true)?;
    Ok((200, show(forge, repository, &changed)))
}

fn set_status(forge: &Forge, request: &ApiRequest<'_>, commit: &str) -> Result<Answer, Answer> {
    request.only(&["key", "state", "url"], &["name", "description"])?;
    if !["SUCCESSFUL", "FAILED", "INPROGRESS"].contains(&request.text("state").as_str()) {
        return Err((400, json!({"errors": [{"message": "bad state"}]})));
    }
    // This host takes statuses for commits that it has not seen yet.
    forge.state().statuses.push(CommitStatus {
        commit: commit.to_owned(),
        state: request.text("state"),
        context: request.text("key"),
        description: request.text("description"),
        link: request.body["url"].as_str().map(str::to_owned),
    });
    Ok((204, Value::Null))
}

fn reviewers(all: &Value) -> Vec<String> {
    let name = |one: &Value| one["user"]["name"].as_str().map(str::to_owned);
    all.as_array()
        .into_iter()
        .flatten()
        .filter_map(name)
        .collect()
}

fn show(forge: &Forge, repository: &str, one: &ChangeRequest) -> Value {
    let state = match (&one.merged, one.closed) {
        (Some(_), _) => "MERGED",
        (None, true) => "DECLINED",
        (None, false) => "OPEN",
    };
    let reviewers: Vec<_> = one
        .reviewers
        .iter()
        .map(|name| json!({"user": {"name": name}}))
        .collect();
    let page = forge.page(&format!("{repository}/pull-requests/{}", one.number));
    json!({
        "id": one.number, "version": one.version, "state": state,
        "title": one.title, "description": one.body, "reviewers": reviewers,
        "fromRef": {"id": format!("refs/heads/{}", one.source)},
        "toRef": {"id": format!("refs/heads/{}", one.target)},
        "properties": {"mergeCommit": {"id": one.merged}},
        "links": {"self": [{"href": page}]},
    })
}
