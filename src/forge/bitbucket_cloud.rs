//! Pull requests and build statuses of Bitbucket Cloud (API 2.0).

use serde_json::{Value, json};

use super::{
    ChangeRequest, ChangeRequestState, CommitStatus, Error, Forge, HostApi, Proposal, StatusState,
    api::{ApiRequest, ApiRight},
    text,
};
use crate::http::Method;

/// The longest key of a status.
const MAX_KEY: usize = 40;

pub(super) struct Cloud<'a>(pub(super) &'a Forge);

impl Cloud<'_> {
    fn repository(&self) -> String {
        let address = &self.0.address;
        format!("repositories/{}/{}", address.owner, address.name)
    }

    fn path(&self, number: u64) -> String {
        format!("{}/pullrequests/{number}", self.repository())
    }

    fn read(&self, raw: Value) -> Result<ChangeRequest, Error> {
        Ok(ChangeRequest {
            number: self.0.number(&raw, "id")?,
            url: text(&raw, &["links", "html", "href"]).unwrap_or_default(),
            state: match raw["state"].as_str() {
                Some("MERGED") => ChangeRequestState::Merged(text(&raw, &["merge_commit", "hash"])),
                Some("DECLINED" | "SUPERSEDED") => ChangeRequestState::Closed,
                _ => ChangeRequestState::Open,
            },
            raw,
        })
    }
}

/// Names a reviewer by UUID (`{…}`) or account ID: the API no longer accepts user names.
fn reviewer(name: &str) -> Value {
    match name.starts_with('{') {
        true => json!({"uuid": name}),
        false => json!({"account_id": name}),
    }
}

impl HostApi for Cloud<'_> {
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error> {
        let quoted = |text: &str| format!("\"{}\"", text.replace(['\\', '"'], ""));
        let (from, to) = (quoted(branch), quoted(target));
        let filter = format!(
            "source.branch.name = {from} AND destination.branch.name = {to} AND state = \"OPEN\""
        );
        let query = [("q", filter.as_str())];
        let path = format!("{}/pullrequests", self.repository());
        let found = self
            .0
            .api
            .send(ApiRequest::get(path, &query, ApiRight::Read))
            .await?;
        let first = self.0.list(&found["values"])?.first();
        first.map(|raw| self.read(raw.clone())).transpose()
    }

    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error> {
        let reviewers: Vec<_> = proposal
            .reviewers
            .iter()
            .map(|name| reviewer(name))
            .collect();
        let body = json!({
            "title": proposal.title,
            "description": proposal.body,
            "source": {"branch": {"name": proposal.branch}},
            "destination": {"branch": {"name": proposal.target}},
            "reviewers": reviewers,
            "close_source_branch": true,
        });
        let path = format!("{}/pullrequests", self.repository());
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Write).not_repeatable();
        self.read(self.0.api.send(call).await?)
    }

    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error> {
        let same =
            |name: &str, wanted: &str| text(&found.raw, &[name]).unwrap_or_default() == wanted;
        let own = found.raw["reviewers"].as_array();
        let own = own.map(Vec::as_slice).unwrap_or_default();
        let has = |name: &&String| {
            let is = |own: &Value| {
                own["uuid"].as_str() == Some(name) || own["account_id"].as_str() == Some(name)
            };
            own.iter().any(is)
        };
        let missing: Vec<_> = proposal
            .reviewers
            .iter()
            .filter(|name| !has(name))
            .collect();
        let is_current = same("title", &proposal.title) && same("description", &proposal.body);
        if is_current && missing.is_empty() {
            return Ok(());
        }
        let kept = own.iter().map(|own| json!({"uuid": own["uuid"]}));
        let reviewers: Vec<_> = kept
            .chain(missing.iter().map(|name| reviewer(name)))
            .collect();
        let body = json!({
            "title": proposal.title,
            "description": proposal.body,
            "reviewers": reviewers,
        });
        let call = ApiRequest::send(Method::PUT, self.path(found.number), body, ApiRight::Write);
        self.0.api.send(call).await.map(drop)
    }

    async fn merge_when_ready(&self, _: &ChangeRequest, _: &str) -> Result<(), Error> {
        Err(Error::Unsupported {
            kind: self.0.kind,
            what: "automatic merge",
        })
    }

    async fn get(&self, number: u64) -> Result<ChangeRequest, Error> {
        let call = ApiRequest::get(self.path(number), &[], ApiRight::Read);
        self.read(self.0.api.send(call).await?)
    }

    async fn set_status(&self, status: &CommitStatus) -> Result<(), Error> {
        let state = match status.progress {
            StatusState::Pending => "INPROGRESS",
            StatusState::Success => "SUCCESSFUL",
            StatusState::Failure => "FAILED",
        };
        let key: String = status.context.chars().take(MAX_KEY).collect();
        // The API requires a link.
        let own = || self.0.commit_page(&status.commit);
        let body = json!({
            "key": key,
            "state": state,
            "name": status.context,
            "url": status.link.clone().unwrap_or_else(own),
            "description": status.description,
        });
        let path = format!(
            "{}/commit/{}/statuses/build",
            self.repository(),
            status.commit
        );
        let call = ApiRequest::send(Method::POST, path, body, ApiRight::Status);
        self.0.api.send(call).await.map(drop)
    }
}
