//! The REST API of Bitbucket Data Center.

use serde_json::{Value, json};

use super::{Answer, Ask, ChangeRequest, CommitStatus, Forge, not_found};

pub(super) fn answer(forge: &Forge, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let path = ask.path();
    if let ("POST", ["rest", "build-status", "1.0", "commits", commit]) =
        (ask.method, path.as_slice())
    {
        return set_status(forge, ask, commit);
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
    match (ask.method, rest) {
        ("GET", []) => list_requests(forge, ask, &repository),
        ("POST", []) => create_request(forge, ask, &repository, name),
        ("GET", [number]) => Ok((200, show(forge, &repository, &forge.get(number)?))),
        ("PUT", [number]) => change_request(forge, ask, &repository, number),
        ("POST", [number, "merge"]) => schedule_merge(forge, ask, &repository, number),
        _ => Err(not_found()),
    }
}

fn list_requests(forge: &Forge, ask: &Ask<'_>, repository: &str) -> Result<Answer, Answer> {
    ask.only_query(&["state", "direction", "at"])?;
    let source = ask.param("at").unwrap_or_default();
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
    ask: &Ask<'_>,
    repository: &str,
    name: &str,
) -> Result<Answer, Answer> {
    ask.only(
        &["title", "fromRef", "toRef"],
        &["description", "reviewers"],
    )?;
    let branch = |side: &str| {
        let id = ask.body[side]["id"].as_str().unwrap_or_default();
        id.strip_prefix("refs/heads/")
            .unwrap_or_default()
            .to_owned()
    };
    if ask.body["fromRef"]["repository"]["slug"] != name {
        return Err((400, json!({"errors": [{"message": "no such repository"}]})));
    }
    let new = ChangeRequest {
        source: branch("fromRef"),
        target: branch("toRef"),
        title: ask.text("title"),
        body: ask.text("description"),
        reviewers: reviewers(&ask.body["reviewers"]),
        ..ChangeRequest::default()
    };
    let made = forge.create(repository, new, 409)?;
    Ok((201, show(forge, repository, &made)))
}

/// Changes a change request whose current version the caller has.
fn change_request(
    forge: &Forge,
    ask: &Ask<'_>,
    repository: &str,
    number: &str,
) -> Result<Answer, Answer> {
    ask.only(&["version"], &["title", "description", "reviewers"])?;
    if ask.body["version"] != forge.get(number)?.version {
        return Err((
            409,
            json!({"errors": [{"message": "the version is not current"}]}),
        ));
    }
    let changed = forge.change(number, |one| {
        one.title = ask.text("title");
        one.body = ask.text("description");
        one.reviewers = reviewers(&ask.body["reviewers"]);
    })?;
    Ok((200, show(forge, repository, &changed)))
}

fn schedule_merge(
    forge: &Forge,
    ask: &Ask<'_>,
    repository: &str,
    number: &str,
) -> Result<Answer, Answer> {
    ask.only_query(&["version"])?;
    ask.only(&["autoMerge"], &["message", "strategyId", "autoSubject"])?;
    let version = forge.get(number)?.version.to_string();
    if ask.param("version") != Some(&version) {
        return Err((
            409,
            json!({"errors": [{"message": "the version is not current"}]}),
        ));
    }
    let changed = forge.change(number, |one| one.auto_merge = true)?;
    Ok((200, show(forge, repository, &changed)))
}

fn set_status(forge: &Forge, ask: &Ask<'_>, commit: &str) -> Result<Answer, Answer> {
    ask.only(&["key", "state", "url"], &["name", "description"])?;
    if !["SUCCESSFUL", "FAILED", "INPROGRESS"].contains(&ask.text("state").as_str()) {
        return Err((400, json!({"errors": [{"message": "bad state"}]})));
    }
    // This host takes statuses for commits that it has not seen yet.
    forge.state().statuses.push(CommitStatus {
        commit: commit.to_owned(),
        state: ask.text("state"),
        context: ask.text("key"),
        description: ask.text("description"),
        link: ask.body["url"].as_str().map(str::to_owned),
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
