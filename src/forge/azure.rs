//! Pull requests and commit statuses of Azure DevOps (API 7.1).

use serde_json::{Value, json};

use super::{
    ChangeRequest, Error, Forge, Host, Progress, Proposal, State, Status,
    api::{Call, Right},
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
                Some("completed") => State::Merged(text(&raw, &["lastMergeCommit", "commitId"])),
                Some("abandoned") => State::Closed,
                _ => State::Open,
            },
            raw,
        })
    }

    async fn send(
        &self,
        method: Method,
        path: String,
        body: Value,
        right: Right,
    ) -> Result<Value, Error> {
        let call = Call::send(method, path, body, right).query(&[VERSION]);
        self.0.api.send(call).await
    }
}

fn body_of(proposal: &Proposal) -> String {
    proposal.body.chars().take(MAX_BODY).collect()
}

impl Host for Azure<'_> {
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
        let call = Call::get(self.requests(), &query, Right::Read);
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
        let call = Call::send(Method::POST, self.requests(), body, Right::Write);
        let call = call.query(&[VERSION]).once();
        self.read(self.0.api.send(call).await?)
    }

    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error> {
        let same =
            |name: &str, wanted: &str| text(&found.raw, &[name]).unwrap_or_default() == wanted;
        let path = format!("{}/{}", self.requests(), found.number);
        let body = body_of(proposal);
        if !same("title", &proposal.title) || !same("description", &body) {
            let body = json!({"title": proposal.title, "description": body});
            self.send(Method::PATCH, path.clone(), body, Right::Write)
                .await?;
        }
        let has = |list: &str, key: &str, name: &str| {
            let all = found.raw[list].as_array();
            all.is_some_and(|all| all.iter().any(|own| own[key].as_str() == Some(name)))
        };
        for label in &proposal.labels {
            if !has("labels", "name", label) {
                let body = json!({"name": label});
                self.send(Method::POST, format!("{path}/labels"), body, Right::Label)
                    .await?;
            }
        }
        for id in &proposal.reviewers {
            if !has("reviewers", "id", id) {
                let path = format!("{path}/reviewers/{id}");
                let body = json!({"id": id, "vote": 0});
                self.send(Method::PUT, path, body, Right::Review).await?;
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
        self.send(Method::PATCH, path, body, Right::Merge)
            .await
            .map(drop)
    }

    async fn get(&self, number: u64) -> Result<ChangeRequest, Error> {
        let path = format!("{}/{number}", self.requests());
        let call = Call::get(path, &[VERSION], Right::Read);
        self.read(self.0.api.send(call).await?)
    }

    async fn set_status(&self, status: &Status) -> Result<(), Error> {
        let state = match status.progress {
            Progress::Pending => "pending",
            Progress::Success => "succeeded",
            Progress::Failure => "failed",
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
        self.send(Method::POST, path, body, Right::Status)
            .await
            .map(drop)
    }
}
