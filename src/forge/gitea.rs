//! Pull requests and commit statuses of Gitea and Forgejo (API v1).

use serde_json::{Value, json};

use super::{
    ChangeRequest, ChangeRequestState, CommitStatus, Error, Forge, HostApi, Proposal, StatusState,
    api::{ApiRequest, ApiRight},
    at, pulls, text,
};
use crate::http::Method;

const PAGE: usize = 50;
const MAX_PAGES: usize = 200;
/// The colour of a new label.
const COLOUR: &str = "#0e8a16";

pub(super) struct Gitea<'a>(pub(super) &'a Forge);

impl Gitea<'_> {
    fn repository(&self) -> String {
        let address = &self.0.address;
        format!("repos/{}/{}", address.owner, address.name)
    }

    fn path(&self, number: u64) -> String {
        format!("{}/pulls/{number}", self.repository())
    }

    fn read(&self, raw: Value) -> Result<ChangeRequest, Error> {
        Ok(ChangeRequest {
            number: self.0.number(&raw, "number")?,
            url: text(&raw, &["html_url"]).unwrap_or_default(),
            state: match raw["state"].as_str() {
                _ if raw["merged"] == true => {
                    ChangeRequestState::Merged(text(&raw, &["merge_commit_sha"]))
                }
                Some("closed") => ChangeRequestState::Closed,
                _ => ChangeRequestState::Open,
            },
            raw,
        })
    }

    /// Returns the ID of a label, which is created if the repository has none with the name.
    async fn label_id(&self, name: &str) -> Result<u64, Error> {
        let path = format!("{}/labels", self.repository());
        for page in 1..=MAX_PAGES {
            let (page, limit) = (page.to_string(), PAGE.to_string());
            let query = [("page", page.as_str()), ("limit", limit.as_str())];
            let call = ApiRequest::get(path.clone(), &query, ApiRight::Label);
            let found = self.0.api.send(call).await?;
            let all = self.0.list(&found)?;
            let own = all.iter().find(|label| label["name"] == name);
            if let Some(own) = own {
                return self.0.number(own, "id");
            }
            if all.is_empty() {
                break;
            }
        }
        let body = json!({"name": name, "color": COLOUR});
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Label).not_repeatable();
        let made = self.0.api.send(call).await?;
        self.0.number(&made, "id")
    }
}

impl HostApi for Gitea<'_> {
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error> {
        let path = format!("{}/pulls", self.repository());
        for page in 1..=MAX_PAGES {
            let (page, limit) = (page.to_string(), PAGE.to_string());
            let query = [
                ("state", "open"),
                ("page", page.as_str()),
                ("limit", limit.as_str()),
            ];
            let call = ApiRequest::get(path.clone(), &query, ApiRight::Read);
            let found = self.0.api.send(call).await?;
            let all = self.0.list(&found)?;
            let own = all.iter().find(|raw| {
                *at(raw, &["head", "ref"]) == branch && *at(raw, &["base", "ref"]) == target
            });
            if let Some(own) = own {
                return self.read(own.clone()).map(Some);
            }
            if all.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error> {
        let made = pulls::create(self.0, &self.repository(), proposal).await?;
        self.read(made)
    }

    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error> {
        pulls::renew(self.0, self.path(found.number), found, proposal).await?;
        let has = |list: &str, key: &str, name: &str| pulls::has(found, list, key, name);
        let mut ids = Vec::new();
        for label in &proposal.labels {
            if !has("labels", "name", label) {
                ids.push(self.label_id(label).await?);
            }
        }
        if !ids.is_empty() {
            let path = format!("{}/issues/{}/labels", self.repository(), found.number);
            let call =
                ApiRequest::send(Method::POST, path, json!({"labels": ids}), ApiRight::Label);
            self.0.api.send(call).await?;
        }
        let missing = |name: &&String| !has("requested_reviewers", "login", name);
        let reviewers: Vec<_> = proposal.reviewers.iter().filter(missing).collect();
        if !reviewers.is_empty() {
            let path = format!("{}/requested_reviewers", self.path(found.number));
            let body = json!({"reviewers": reviewers});
            let call = ApiRequest::send(Method::POST, path, body, ApiRight::Review);
            self.0.api.send(call).await?;
        }
        Ok(())
    }

    async fn merge_when_ready(&self, found: &ChangeRequest, commit: &str) -> Result<(), Error> {
        let path = format!("{}/merge", self.path(found.number));
        let body = json!({
            "Do": "merge",
            "merge_when_checks_succeed": true,
            "delete_branch_after_merge": true,
            "head_commit_id": commit,
        });
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Merge);
        match self.0.api.send(call).await {
            // Auto-merge is enabled already.
            Err(Error::Refused { status: 409, .. }) => Ok(()),
            done => done.map(drop),
        }
    }

    async fn get(&self, number: u64) -> Result<ChangeRequest, Error> {
        let call = ApiRequest::get(self.path(number), &[], ApiRight::Read);
        self.read(self.0.api.send(call).await?)
    }

    async fn set_status(&self, status: &CommitStatus) -> Result<(), Error> {
        let state = match status.progress {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failure",
        };
        let mut body = json!({
            "state": state,
            "context": status.context,
            "description": status.description,
        });
        if let Some(link) = &status.link {
            body["target_url"] = link.clone().into();
        }
        let path = format!("{}/statuses/{}", self.repository(), status.commit);
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Status);
        self.0.api.send(call).await.map(drop)
    }
}
