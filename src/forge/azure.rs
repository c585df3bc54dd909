//! Pull requests and commit statuses of Azure DevOps (API 7.1).

use serde_json::{Value, json};

use super::{
    ChangeRequest, ChangeRequestState, CommitStatus, Error, Forge, HostApi, Proposal, StatusState,
    api::{ApiRequest, ApiRight},
    text,
};
use crate::http::Method;

const VERSION: (&str, &str) = ("api-version", "7.1");
/// The most characters of a description.
const MAX_BODY: usize = 4000;

pub(super) struct Azure<'a>(pub(super) &'a Forge);

impl Azure<'_> {
    fn requests(&self) -> String {
        format!("repositories/{}/pullrequests", self.0.address.name)
    }

    fn read(&self, raw: Value) -> Result<ChangeRequest, Error> {
        let number = self.0.number(&raw, "pullRequestId")?;
        Ok(ChangeRequest {
            number,
            url: format!("{}/pullrequest/{number}", self.0.address.web),
            state: match raw["status"].as_str() {
                Some("completed") => {
                    ChangeRequestState::Merged(text(&raw, &["lastMergeCommit", "commitId"]))
                }
                Some("abandoned") => ChangeRequestState::Closed,
                _ => ChangeRequestState::Open,
            },
            raw,
        })
    }

    async fn send(
        &self,
        method: Method,
        path: String,
        body: Value,
        right: ApiRight,
    ) -> Result<Value, Error> {
        let call = ApiRequest::send(method, path, body, right).query(&[VERSION]);
        self.0.api.send(call).await
    }
}

fn body_of(proposal: &Proposal) -> String {
    proposal.body.chars().take(MAX_BODY).collect()
}

impl HostApi for Azure<'_> {
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error> {
        let (from, to) = (
            format!("refs/heads/{branch}"),
            format!("refs/heads/{target}"),
        );
        let query = [
            ("searchCriteria.status", "active"),
            ("searchCriteria.sourceRefName", from.as_str()),
            ("searchCriteria.targetRefName", to.as_str()),
            VERSION,
        ];
        let call = ApiRequest::get(self.requests(), &query, ApiRight::Read);
        let found = self.0.api.send(call).await?;
        let first = self.0.list(&found["value"])?.first();
        first.map(|raw| self.read(raw.clone())).transpose()
    }

    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error> {
        let named = |key: &str, all: &[String]| -> Vec<_> {
            all.iter().map(|one| json!({key: one})).collect()
        };
        let body = json!({
            "sourceRefName": format!("refs/heads/{}", proposal.branch),
            "targetRefName": format!("refs/heads/{}", proposal.target),
            "title": proposal.title,
            "description": body_of(proposal),
            "labels": named("name", &proposal.labels),
            "reviewers": named("id", &proposal.reviewers),
        });
        let call = ApiRequest::send(Method::POST, self.requests(), body, ApiRight::Write);
        let call = call.query(&[VERSION]).not_repeatable();
        self.read(self.0.api.send(call).await?)
    }

    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error> {
        let same =
            |name: &str, wanted: &str| text(&found.raw, &[name]).unwrap_or_default() == wanted;
        let path = format!("{}/{}", self.requests(), found.number);
        let body = body_of(proposal);
        if !same("title", &proposal.title) || !same("description", &body) {
            let body = json!({"title": proposal.title, "description": body});
            self.send(Method::PATCH, path.clone(), body, ApiRight::Write)
                .await?;
        }
        let has = |list: &str, key: &str, name: &str| {
            let all = found.raw[list].as_array();
            all.is_some_and(|all| all.iter().any(|own| own[key].as_str() == Some(name)))
        };
        for label in &proposal.labels {
            if !has("labels", "name", label) {
                let body = json!({"name": label});
                self.send(
                    Method::POST,
                    format!("{path}/labels"),
                    body,
                    ApiRight::Label,
                )
                .await?;
            }
        }
        for id in &proposal.reviewers {
            if !has("reviewers", "id", id) {
                let path = format!("{path}/reviewers/{id}");
                let body = json!({"id": id, "vote": 0});
                self.send(Method::PUT, path, body, ApiRight::Review).await?;
            }
        }
        Ok(())
    }

    async fn merge_when_ready(&self, found: &ChangeRequest, _: &str) -> Result<(), Error> {
        if !found.raw["autoCompleteSetBy"].is_null() {
            return Ok(());
        }
        let creator = text(&found.raw, &["createdBy", "id"]).unwrap_or_default();
        let body = json!({
            "autoCompleteSetBy": {"id": creator},
            "completionOptions": {"deleteSourceBranch": true},
        });
        let path = format!("{}/{}", self.requests(), found.number);
        self.send(Method::PATCH, path, body, ApiRight::Merge)
            .await
            .map(drop)
    }

    async fn get(&self, number: u64) -> Result<ChangeRequest, Error> {
        let path = format!("{}/{number}", self.requests());
        let call = ApiRequest::get(path, &[VERSION], ApiRight::Read);
        self.read(self.0.api.send(call).await?)
    }

    async fn set_status(&self, status: &CommitStatus) -> Result<(), Error> {
        let state = match status.progress {
            StatusState::Pending => "pending",
            StatusState::Success => "succeeded",
            StatusState::Failure => "failed",
        };
        let (genre, name) = status
            .context
            .split_once('/')
            .unwrap_or(("promote", &status.context));
        let mut body = json!({
            "state": state,
            "description": status.description,
            "context": {"genre": genre, "name": name},
        });
        if let Some(link) = &status.link {
            body["targetUrl"] = link.clone().into();
        }
        let path = format!(
            "repositories/{}/commits/{}/statuses",
            self.0.address.name, status.commit
        );
        self.send(Method::POST, path, body, ApiRight::Status)
            .await
            .map(drop)
    }
}
