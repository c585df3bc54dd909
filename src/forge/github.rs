//! Pull requests and commit statuses of GitHub (REST API 2022-11-28, GraphQL for auto-merge).

use serde_json::{Value, json};

use super::{
    ChangeRequest, ChangeRequestState, CommitStatus, Error, Forge, HostApi, Proposal, StatusState,
    api::{ApiRequest, ApiRight},
    at, pulls, text,
};
use crate::http::Method;

const ENABLE: &str = "mutation($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id}) { clientMutationId } }";

pub(super) struct GitHub<'a>(pub(super) &'a Forge);

impl GitHub<'_> {
    fn repository(&self) -> String {
        let address = &self.0.address;
        format!("repos/{}/{}", address.owner, address.name)
    }

    fn path(&self, number: u64) -> String {
        format!("{}/pulls/{number}", self.repository())
    }

    fn read(&self, raw: Value) -> Result<ChangeRequest, Error> {
        let merged = raw["merged"] == true || !raw["merged_at"].is_null();
        Ok(ChangeRequest {
            number: self.0.number(&raw, "number")?,
            url: text(&raw, &["html_url"]).unwrap_or_default(),
            state: match raw["state"].as_str() {
                _ if merged => ChangeRequestState::Merged(text(&raw, &["merge_commit_sha"])),
                Some("closed") => ChangeRequestState::Closed,
                _ => ChangeRequestState::Open,
            },
            raw,
        })
    }

    /// Merges immediately: GitHub refuses auto-merge when no check is pending.
    async fn merge(&self, found: &ChangeRequest, commit: &str) -> Result<(), Error> {
        let path = format!("{}/merge", self.path(found.number));
        let body = json!({"sha": commit});
        let call = ApiRequest::send(Method::PUT, path, body, ApiRight::Merge);
        self.0.api.send(call).await.map(drop)
    }
}

impl HostApi for GitHub<'_> {
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error> {
        let head = format!("{}:{branch}", self.0.address.owner);
        let query = [("state", "open"), ("head", &head), ("base", target)];
        let path = format!("{}/pulls", self.repository());
        let found = self
            .0
            .api
            .send(ApiRequest::get(path, &query, ApiRight::Read))
            .await?;
        let all = self.0.list(&found)?.iter();
        // After a rename the filter by the old owner has no effect.
        let own = all.filter(|raw| *at(raw, &["head", "ref"]) == branch);
        let own = own.filter(|raw| *at(raw, &["base", "ref"]) == target);
        own.map(|raw| self.read(raw.clone())).next().transpose()
    }

    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error> {
        let made = pulls::create(self.0, &self.repository(), proposal).await?;
        self.read(made)
    }

    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error> {
        pulls::renew(self.0, self.path(found.number), found, proposal).await?;
        let has = |list: &str, key: &str, name: &str| pulls::has(found, list, key, name);
        let missing = |label: &&String| !has("labels", "name", label);
        let labels: Vec<_> = proposal.labels.iter().filter(missing).collect();
        if !labels.is_empty() {
            let path = format!("{}/issues/{}/labels", self.repository(), found.number);
            let body = json!({"labels": labels});
            let call = ApiRequest::send(Method::POST, path, body, ApiRight::Label);
            self.0.api.send(call).await?;
        }
        let missing = |name: &&String| match name.split_once('/') {
            Some((_, team)) => !has("requested_teams", "slug", team),
            None => !has("requested_reviewers", "login", name),
        };
        let names = proposal.reviewers.iter().filter(missing);
        // `ORGANISATION/TEAM` is a team.
        let (teams, people): (Vec<_>, Vec<_>) = names.partition(|name| name.contains('/'));
        if !teams.is_empty() || !people.is_empty() {
            let teams: Vec<_> = teams
                .iter()
                .filter_map(|name| name.split_once('/').map(|(_, team)| team))
                .collect();
            let path = format!("{}/requested_reviewers", self.path(found.number));
            let body = json!({"reviewers": people, "team_reviewers": teams});
            let call = ApiRequest::send(Method::POST, path, body, ApiRight::Review);
            self.0.api.send(call).await?;
        }
        Ok(())
    }

    async fn merge_when_ready(&self, found: &ChangeRequest, commit: &str) -> Result<(), Error> {
        if !found.raw["auto_merge"].is_null() {
            return Ok(());
        }
        let is_public = self.0.address.api == "https://api.github.com/";
        let path = if is_public { "graphql" } else { "../graphql" };
        let id = text(&found.raw, &["node_id"]).unwrap_or_default();
        let body = json!({"query": ENABLE, "variables": {"id": id}});
        let call = ApiRequest::send(Method::POST, path.to_owned(), body, ApiRight::Merge);
        let answer = self.0.api.send(call).await?;
        let errors = answer["errors"].as_array().into_iter().flatten();
        let said: Vec<_> = errors
            .filter_map(|error| error["message"].as_str())
            .collect();
        match said.join("; ") {
            said if said.is_empty() => Ok(()),
            said if said.contains("clean status") => self.merge(found, commit).await,
            said => Err(Error::Refused {
                kind: self.0.kind,
                host: self.0.api.host(),
                doing: "merge a change request by itself",
                status: 200,
                said: format!(": {}", crate::text::value(&said)),
            }),
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
