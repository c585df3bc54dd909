//! Pull requests and build statuses of Bitbucket Data Center (REST API 1.0).

use serde_json::{Value, json};

use super::{
    ChangeRequest, ChangeRequestState, CommitStatus, Error, Forge, HostApi, Proposal, StatusState,
    api::{ApiRequest, ApiRight},
    at, text,
};
use crate::http::Method;

pub(super) struct Server<'a>(pub(super) &'a Forge);

impl Server<'_> {
    fn requests(&self) -> String {
        let address = &self.0.address;
        format!(
            "api/1.0/projects/{}/repos/{}/pull-requests",
            address.owner, address.name
        )
    }

    fn read(&self, raw: Value) -> Result<ChangeRequest, Error> {
        Ok(ChangeRequest {
            number: self.0.number(&raw, "id")?,
            url: raw["links"]["self"][0]["href"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            state: match raw["state"].as_str() {
                Some("MERGED") => {
                    ChangeRequestState::Merged(text(&raw, &["properties", "mergeCommit", "id"]))
                }
                Some("DECLINED") => ChangeRequestState::Closed,
                _ => ChangeRequestState::Open,
            },
            raw,
        })
    }

    fn branch(&self, name: &str) -> Value {
        let address = &self.0.address;
        json!({
            "id": format!("refs/heads/{name}"),
            "repository": {"slug": address.name, "project": {"key": address.owner}},
        })
    }
}

impl HostApi for Server<'_> {
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error> {
        let (from, to) = (
            format!("refs/heads/{branch}"),
            format!("refs/heads/{target}"),
        );
        let query = [
            ("state", "OPEN"),
            ("direction", "OUTGOING"),
            ("at", from.as_str()),
        ];
        let call = ApiRequest::get(self.requests(), &query, ApiRight::Read);
        let found = self.0.api.send(call).await?;
        let all = self.0.list(&found["values"])?.iter();
        let mut own = all.filter(|raw| *at(raw, &["toRef", "id"]) == to);
        own.next().map(|raw| self.read(raw.clone())).transpose()
    }

    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error> {
        let reviewers = proposal.reviewers.iter();
        let reviewers: Vec<_> = reviewers
            .map(|name| json!({"user": {"name": name}}))
            .collect();
        let body = json!({
            "title": proposal.title,
            "description": proposal.body,
            "fromRef": self.branch(&proposal.branch),
            "toRef": self.branch(&proposal.target),
            "reviewers": reviewers,
        });
        let call =
            ApiRequest::send(Method::POST, self.requests(), body, ApiRight::Write).not_repeatable();
        self.read(self.0.api.send(call).await?)
    }

    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error> {
        let same =
            |name: &str, wanted: &str| text(&found.raw, &[name]).unwrap_or_default() == wanted;
        let own = found.raw["reviewers"].as_array().into_iter().flatten();
        let mut names: Vec<_> = own.filter_map(|own| text(own, &["user", "name"])).collect();
        let before = names.len();
        for name in &proposal.reviewers {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let is_current = same("title", &proposal.title) && same("description", &proposal.body);
        if is_current && names.len() == before {
            return Ok(());
        }
        let reviewers: Vec<_> = names
            .iter()
            .map(|name| json!({"user": {"name": name}}))
            .collect();
        let body = json!({
            "version": found.raw["version"],
            "title": proposal.title,
            "description": proposal.body,
            "reviewers": reviewers,
        });
        let path = format!("{}/{}", self.requests(), found.number);
        let call = ApiRequest::send(Method::PUT, path, body, ApiRight::Write);
        self.0.api.send(call).await.map(drop)
    }

    async fn merge_when_ready(&self, found: &ChangeRequest, _: &str) -> Result<(), Error> {
        // `complete` may have increased the version.
        let now = self.get(found.number).await?;
        let version = now.raw["version"].to_string();
        let query = [("version", version.as_str())];
        let path = format!("{}/{}/merge", self.requests(), found.number);
        let body = json!({"autoMerge": true});
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Merge).query(&query);
        self.0.api.send(call).await.map(drop)
    }

    async fn get(&self, number: u64) -> Result<ChangeRequest, Error> {
        let path = format!("{}/{number}", self.requests());
        let call = ApiRequest::get(path, &[], ApiRight::Read);
        self.read(self.0.api.send(call).await?)
    }

    async fn set_status(&self, status: &CommitStatus) -> Result<(), Error> {
        let state = match status.progress {
            StatusState::Pending => "INPROGRESS",
            StatusState::Success => "SUCCESSFUL",
            StatusState::Failure => "FAILED",
        };
        // The API requires a link.
        let own = || self.0.commit_page(&status.commit);
        let body = json!({
            "key": status.context,
            "state": state,
            "name": status.context,
            "url": status.link.clone().unwrap_or_else(own),
            "description": status.description,
        });
        let path = format!("build-status/1.0/commits/{}", status.commit);
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Status);
        self.0.api.send(call).await.map(drop)
    }
}
