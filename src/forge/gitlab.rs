//! Merge requests and commit statuses of GitLab (REST API v4), and its push options.

use serde_json::{Value, json};

use super::{
    ChangeRequest, ChangeRequestState, CommitStatus, Error, Forge, HostApi, Proposal, StatusState,
    api::{ApiRequest, ApiRight},
    text,
};
use crate::http::Method;

/// How often a merge is attempted while GitLab computes whether it is possible.
const CHECKS: u32 = 8;

pub(super) struct GitLab<'a>(pub(super) &'a Forge);

/// Returns the push options that open or update the branch's merge request. A line break
/// is written as `
/// `, which GitLab converts.
pub(crate) fn push_options(proposal: &Proposal, auto_merge: bool) -> Vec<String> {
    let one_line = |text: &str| text.replace("\r\n", "\n").replace('\n', "\\n");
    let mut options = vec![
        "merge_request.create".to_owned(),
        format!("merge_request.target={}", proposal.target),
        format!("merge_request.title={}", one_line(&proposal.title)),
        format!("merge_request.description={}", one_line(&proposal.body)),
        "merge_request.remove_source_branch".to_owned(),
    ];
    for label in &proposal.labels {
        options.push(format!("merge_request.label={}", one_line(label)));
    }
    if auto_merge {
        options.push("merge_request.merge_when_pipeline_succeeds".to_owned());
    }
    options
}

impl GitLab<'_> {
    fn project(&self) -> String {
        let address = &self.0.address;
        format!("projects/{}%2F{}", address.owner, address.name)
    }

    fn path(&self, number: u64) -> String {
        format!("{}/merge_requests/{number}", self.project())
    }

    fn read(&self, raw: Value) -> Result<ChangeRequest, Error> {
        let commit = ["merge_commit_sha", "squash_commit_sha", "sha"];
        let commit = commit.iter().find_map(|name| text(&raw, &[name]));
        Ok(ChangeRequest {
            number: self.0.number(&raw, "iid")?,
            url: text(&raw, &["web_url"]).unwrap_or_default(),
            state: match raw["state"].as_str() {
                Some("merged") => ChangeRequestState::Merged(commit),
                Some("closed") => ChangeRequestState::Closed,
                _ => ChangeRequestState::Open,
            },
            raw,
        })
    }

    async fn reviewer_ids(&self, names: &[String]) -> Result<Vec<u64>, Error> {
        let mut ids = Vec::new();
        for name in names {
            let query = [("username", name.as_str())];
            let call = ApiRequest::get("users".to_owned(), &query, ApiRight::Review);
            let found = self.0.api.send(call).await?;
            let id = found[0]["id"].as_u64().ok_or_else(|| Error::Reviewer {
                kind: self.0.kind,
                host: self.0.api.host(),
                name: name.clone(),
            })?;
            ids.push(id);
        }
        Ok(ids)
    }
}

impl HostApi for GitLab<'_> {
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error> {
        let query = [
            ("state", "opened"),
            ("source_branch", branch),
            ("target_branch", target),
        ];
        let path = format!("{}/merge_requests", self.project());
        let found = self
            .0
            .api
            .send(ApiRequest::get(path, &query, ApiRight::Read))
            .await?;
        let first = self.0.list(&found)?.first();
        first.map(|raw| self.read(raw.clone())).transpose()
    }

    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error> {
        let mut body = json!({
            "source_branch": proposal.branch,
            "target_branch": proposal.target,
            "title": proposal.title,
            "description": proposal.body,
            "remove_source_branch": true,
        });
        if !proposal.labels.is_empty() {
            body["labels"] = proposal.labels.join(",").into();
        }
        let path = format!("{}/merge_requests", self.project());
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Write).not_repeatable();
        self.read(self.0.api.send(call).await?)
    }

    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error> {
        let mut body = json!({});
        let title = text(&found.raw, &["title"]);
        if title.as_deref() != Some(&proposal.title) {
            body["title"] = proposal.title.clone().into();
        }
        if text(&found.raw, &["description"]).unwrap_or_default() != proposal.body {
            body["description"] = proposal.body.clone().into();
        }
        let has = |label: &&String| {
            let labels = found.raw["labels"].as_array();
            labels.is_some_and(|all| all.iter().any(|own| own.as_str() == Some(label.as_str())))
        };
        let missing: Vec<_> = proposal.labels.iter().filter(|label| !has(label)).collect();
        if !missing.is_empty() {
            let missing: Vec<_> = missing.iter().map(|label| label.as_str()).collect();
            body["add_labels"] = missing.join(",").into();
        }
        if !proposal.reviewers.is_empty() {
            let mut ids: Vec<_> = found.raw["reviewers"]
                .as_array()
                .map_or_else(Vec::new, |all| {
                    all.iter().filter_map(|own| own["id"].as_u64()).collect()
                });
            let before = ids.len();
            for id in self.reviewer_ids(&proposal.reviewers).await? {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            if ids.len() > before {
                body["reviewer_ids"] = json!(ids);
            }
        }
        if body.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(());
        }
        let call = ApiRequest::send(Method::PUT, self.path(found.number), body, ApiRight::Write);
        self.0.api.send(call).await.map(drop)
    }

    async fn merge_when_ready(&self, found: &ChangeRequest, commit: &str) -> Result<(), Error> {
        if found.raw["merge_when_pipeline_succeeds"] == true {
            return Ok(());
        }
        let body = json!({
            "merge_when_pipeline_succeeds": true,
            "should_remove_source_branch": true,
            "sha": commit,
        });
        let path = format!("{}/merge", self.path(found.number));
        let mut check = 1;
        loop {
            let call = ApiRequest::send(Method::PUT, path.clone(), body.clone(), ApiRight::Merge);
            match self.0.api.send(call).await {
                // Right after it was opened, GitLab has not yet computed whether it can be merged.
                Err(Error::Refused { status, .. })
                    if matches!(status, 405 | 406 | 422) && check < CHECKS =>
                {
                    tokio::time::sleep(std::time::Duration::from_millis(500 * u64::from(check)))
                        .await;
                    check += 1;
                }
                done => return done.map(drop),
            }
        }
    }

    async fn get(&self, number: u64) -> Result<ChangeRequest, Error> {
        let call = ApiRequest::get(self.path(number), &[], ApiRight::Read);
        self.read(self.0.api.send(call).await?)
    }

    async fn set_status(&self, status: &CommitStatus) -> Result<(), Error> {
        let state = match status.progress {
            StatusState::Pending => "running",
            StatusState::Success => "success",
            StatusState::Failure => "failed",
        };
        let mut body = json!({
            "state": state,
            "name": status.context,
            "description": status.description,
        });
        if let Some(link) = &status.link {
            body["target_url"] = link.clone().into();
        }
        let path = format!("{}/statuses/{}", self.project(), status.commit);
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Status);
        match self.0.api.send(call).await {
            // GitLab refuses to repeat the current status.
            Err(Error::Refused { said, .. }) if said.contains("Cannot transition status") => Ok(()),
            done => done.map(drop),
        }
    }
}
