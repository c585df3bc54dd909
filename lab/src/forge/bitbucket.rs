//! The API of Bitbucket Cloud, version 2.0.

use serde_json::{Value, json};

use super::{Answer, ApiRequest, ChangeRequest, CommitStatus, Forge, not_found};

pub(super) fn answer(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    let path = request.path();
    let [_, "repositories", owner, name, rest @ ..] = path.as_slice() else {
        return Err(not_found());
    };
    let repository = format!("{owner}/{name}");
    match (request.method, rest) {
        ("GET", ["pullrequests"]) => list_requests(forge, request, &repository),
        ("POST", ["pullrequests"]) => create_request(forge, request, &repository),
        ("GET", ["pullrequests", number]) => {
            Ok((200, show(forge, &repository, &forge.get(number)?)))
        }
        ("PUT", ["pullrequests", number]) => {
            request.only(&["title"], &["description", "reviewers"])?;
            let changed = forge.change(number, |one| {
                one.title = request.text("title");
                one.body = request.text("description");
                one.reviewers = reviewers(&request.body["reviewers"]);
            })?;
            Ok((200, show(forge, &repository, &changed)))
        }
        ("POST", ["commit", commit, "statuses", "build"]) => {
            set_status(forge, request, &repository, commit)
        }
        _ => Err(not_found()),
    }
}

fn list_requests(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
) -> Result<Answer, Answer> {
    request.only_query(&["q"])?;
    let filter = request.param("q").unwrap_or_default();
    let quoted: Vec<_> = filter.split('"').skip(1).step_by(2).collect();
    let [source, target, "OPEN"] = quoted.as_slice() else {
        return Err((400, json!({"error": {"message": "bad filter"}})));
    };
    let found = forge.open_of(Some(source), Some(target));
    let found: Vec<_> = found
        .iter()
        .map(|one| show(forge, repository, one))
        .collect();
    Ok((200, json!({"values": found})))
}

fn create_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
) -> Result<Answer, Answer> {
    let others = [
        "description",
        "destination",
        "reviewers",
        "close_source_branch",
    ];
    request.only(&["title", "source"], &others)?;
    let branch = |side: &str| {
        let name = request.body[side]["branch"]["name"].as_str();
        name.unwrap_or_default().to_owned()
    };
    let new = ChangeRequest {
        source: branch("source"),
        target: branch("destination"),
        title: request.text("title"),
        body: request.text("description"),
        reviewers: reviewers(&request.body["reviewers"]),
        ..ChangeRequest::default()
    };
    let made = forge.create(repository, new, 400)?;
    Ok((201, show(forge, repository, &made)))
}

fn set_status(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
    commit: &str,
) -> Result<Answer, Answer> {
    request.only(&["key", "state", "url"], &["name", "description"])?;
    let states = ["SUCCESSFUL", "FAILED", "INPROGRESS", "STOPPED"];
    if !states.contains(&request.text("state").as_str()) || request.text("key").len() > 40 {
        return Err((400, json!({"error": {"message": "bad status"}})));
    }
    let status = CommitStatus {
        commit: commit.to_owned(),
        state: request.text("state"),
        context: request.text("key"),
        description: request.text("description"),
        link: request.body["url"].as_str().map(str::to_owned),
    };
    forge.set(repository, status)?;
    Ok((201, json!({})))
}

fn reviewers(all: &Value) -> Vec<String> {
    let name = |one: &Value| {
        let id = one["uuid"].as_str().or(one["account_id"].as_str());
        id.map(str::to_owned)
    };
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
    let reviewers: Vec<_> = one.reviewers.iter().map(|id| json!({"uuid": id})).collect();
    json!({
        "id": one.number, "state": state, "title": one.title, "description": one.body,
        "reviewers": reviewers,
        "merge_commit": one.merged.as_ref().map(|hash| json!({"hash": hash})),
        "source": {"branch": {"name": one.source}},
        "destination": {"branch": {"name": one.target}},
        "links": {"html": {"href": forge.page(&format!("{repository}/pull-requests/{}", one.number))}},
    })
}
