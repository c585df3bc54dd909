//! The API of Azure DevOps, version 7.1.

use serde_json::{Value, json};

use super::{Answer, ApiRequest, ChangeRequest, CommitStatus, Forge, not_found};

pub(super) fn answer(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    let path = request.path();
    let [
        owner,
        project,
        "_apis",
        "git",
        "repositories",
        name,
        rest @ ..,
    ] = path.as_slice()
    else {
        return Err(not_found());
    };
    if request.param("api-version") != Some("7.1") {
        return Err((400, json!({"message": "No api-version was supplied."})));
    }
    let repository = format!("{owner}/{project}/_git/{name}");
    match (request.method, rest) {
        ("GET", ["pullrequests"]) => list_requests(forge, request),
        ("POST", ["pullrequests"]) => create_request(forge, request, &repository),
        ("GET", ["pullrequests", number]) => Ok((200, show(&forge.get(number)?))),
        ("PATCH", ["pullrequests", number]) => change_request(forge, request, number),
        ("POST", ["pullrequests", number, "labels"]) => {
            request.only(&["name"], &[])?;
            forge.change(number, |one| one.labels.push(request.text("name")))?;
            Ok((200, json!({})))
        }
        ("PUT", ["pullrequests", number, "reviewers", id]) => {
            request.only(&["id"], &["vote"])?;
            forge.change(number, |one| one.reviewers.push((*id).to_owned()))?;
            Ok((200, json!({})))
        }
        ("POST", ["commits", commit, "statuses"]) => {
            let status = status(request, commit)?;
            forge.set(&repository, status)?;
            Ok((201, json!({"id": 1})))
        }
        _ => Err(not_found()),
    }
}

fn list_requests(forge: &Forge, request: &ApiRequest<'_>) -> Result<Answer, Answer> {
    request.only_query(&[
        "api-version",
        "searchCriteria.status",
        "searchCriteria.sourceRefName",
        "searchCriteria.targetRefName",
    ])?;
    let branch = |name: &str| request.param(name)?.strip_prefix("refs/heads/");
    let found = forge.open_of(
        branch("searchCriteria.sourceRefName"),
        branch("searchCriteria.targetRefName"),
    );
    let found: Vec<_> = found.iter().map(show).collect();
    Ok((200, json!({"value": found, "count": found.len()})))
}

fn create_request(
    forge: &Forge,
    request: &ApiRequest<'_>,
    repository: &str,
) -> Result<Answer, Answer> {
    let others = ["description", "labels", "reviewers"];
    request.only(&["sourceRefName", "targetRefName", "title"], &others)?;
    let branch = |name: &str| {
        let full = request.text(name);
        full.strip_prefix("refs/heads/")
            .unwrap_or_default()
            .to_owned()
    };
    let new = ChangeRequest {
        source: branch("sourceRefName"),
        target: branch("targetRefName"),
        title: request.text("title"),
        body: request.text("description"),
        labels: members(&request.body["labels"], "name"),
        reviewers: members(&request.body["reviewers"], "id"),
        ..ChangeRequest::default()
    };
    let made = forge.create(repository, new, 409)?;
    Ok((201, show(&made)))
}

fn change_request(forge: &Forge, request: &ApiRequest<'_>, number: &str) -> Result<Answer, Answer> {
    let known = [
        "title",
        "description",
        "autoCompleteSetBy",
        "completionOptions",
    ];
    request.only(&[], &known)?;
    let changed = forge.change(number, |one| {
        if request.body["title"].is_string() {
            one.title = request.text("title");
        }
        if request.body["description"].is_string() {
            one.body = request.text("description");
        }
        one.auto_merge |= request.body["autoCompleteSetBy"]["id"] == "creator";
    })?;
    Ok((200, show(&changed)))
}

fn status(request: &ApiRequest<'_>, commit: &str) -> Result<CommitStatus, Answer> {
    request.only(&["state", "context"], &["description", "targetUrl"])?;
    let context = &request.body["context"];
    let name = |key: &str| context[key].as_str().unwrap_or_default().to_owned();
    Ok(CommitStatus {
        commit: commit.to_owned(),
        state: request.text("state"),
        context: format!("{}/{}", name("genre"), name("name")),
        description: request.text("description"),
        link: request.body["targetUrl"].as_str().map(str::to_owned),
    })
}

fn members(all: &Value, key: &str) -> Vec<String> {
    let text = |one: &Value| one[key].as_str().map(str::to_owned);
    all.as_array()
        .into_iter()
        .flatten()
        .filter_map(text)
        .collect()
}

fn show(one: &ChangeRequest) -> Value {
    let status = match (&one.merged, one.closed) {
        (Some(_), _) => "completed",
        (None, true) => "abandoned",
        (None, false) => "active",
    };
    let named = |key: &str, all: &[String]| -> Vec<_> {
        all.iter().map(|value| json!({key: value})).collect()
    };
    json!({
        "pullRequestId": one.number, "status": status, "title": one.title,
        "description": one.body, "createdBy": {"id": "creator"},
        "sourceRefName": format!("refs/heads/{}", one.source),
        "targetRefName": format!("refs/heads/{}", one.target),
        "labels": named("name", &one.labels), "reviewers": named("id", &one.reviewers),
        "autoCompleteSetBy": one.auto_merge.then(|| json!({"id": "creator"})),
        "lastMergeCommit": one.merged.as_ref().map(|id| json!({"commitId": id})),
    })
}
