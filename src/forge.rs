//! APIs of Git hosts: change requests (merge or pull requests) and commit statuses.
//!
//! One interface over the APIs of GitLab, GitHub, Gitea and Forgejo, Bitbucket Cloud and Data
//! Center, and Azure DevOps. A token is sent only to the API of the repository's own host.

mod address;
mod api;
mod azure;
mod bitbucket_cloud;
mod bitbucket_server;
mod error;
mod gitea;
mod github;
mod gitlab;
mod kind;
mod located;
mod pulls;

use address::RepositoryAddress;
pub(crate) use address::web_url;
use api::Api;
pub(crate) use api::ApiToken;
pub(crate) use error::Error;
pub(crate) use gitlab::push_options;
pub(crate) use kind::ForgeKind;
use serde_json::Value;

use crate::{git::Git, http::Http};

/// A change request to open or update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) branch: String,
    /// The branch to merge into.
    pub(crate) target: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) labels: Vec<String>,
    /// The reviewers' user names on the host.
    pub(crate) reviewers: Vec<String>,
}

/// A change request on the host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChangeRequest {
    pub(crate) number: u64,
    pub(crate) url: String,
    pub(crate) state: ChangeRequestState,
    /// The host's whole answer, for its implementation.
    raw: Value,
}

/// The state of a change request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeRequestState {
    Open,
    /// Merged, with the commit of the target branch if the host names it.
    Merged(Option<String>),
    /// Closed without a merge.
    Closed,
}

/// The progress of a promotion, for a commit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusState {
    Pending,
    Success,
    Failure,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitStatus {
    pub(crate) commit: String,
    pub(crate) progress: StatusState,
    /// The name of the status; a later status with the same name replaces it.
    pub(crate) context: String,
    pub(crate) description: String,
    pub(crate) link: Option<String>,
}

/// The API of a repository's host.
#[derive(Debug, Clone)]
pub(crate) struct Forge {
    kind: ForgeKind,
    address: RepositoryAddress,
    api: Api,
}

/// The operations that differ between hosts.
trait HostApi {
    /// Returns the open change request from one branch to another.
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error>;
    /// Opens a change request. Parts that need separate requests are left to `complete`.
    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error>;
    /// Updates title, text, labels and reviewers.
    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error>;
    /// Enables auto-merge; `commit` is the expected head.
    async fn merge_when_ready(&self, found: &ChangeRequest, commit: &str) -> Result<(), Error>;
    /// Returns the current state of a change request.
    async fn get(&self, number: u64) -> Result<ChangeRequest, Error>;
    async fn set_status(&self, status: &CommitStatus) -> Result<(), Error>;
}

/// Calls a method of the host's own implementation.
macro_rules! on_host {
    ($forge:expr, $host:ident => $call:expr) => {
        match $forge.kind {
            ForgeKind::GitLab => {
                let $host = gitlab::GitLab($forge);
                $call
            }
            ForgeKind::GitHub => {
                let $host = github::GitHub($forge);
                $call
            }
            ForgeKind::Gitea => {
                let $host = gitea::Gitea($forge);
                $call
            }
            ForgeKind::BitbucketCloud => {
                let $host = bitbucket_cloud::Cloud($forge);
                $call
            }
            ForgeKind::BitbucketDataCenter => {
                let $host = bitbucket_server::Server($forge);
                $call
            }
            ForgeKind::AzureDevOps => {
                let $host = azure::Azure($forge);
                $call
            }
        }
    };
}

impl Forge {
    /// Makes a client for a repository's host; nothing is connected yet. Without a kind, the URL decides.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] and [`Error::Address`].
    pub(crate) fn new(
        git: &Git,
        http: &Http,
        repository: &str,
        kind: Option<ForgeKind>,
        token: Option<ApiToken>,
    ) -> Result<Self, Error> {
        let web = web_url(repository)?;
        let kind = kind.or_else(|| ForgeKind::of(&web));
        let kind = kind.ok_or_else(|| Error::UnknownKind {
            host: web.host_str().unwrap_or_default().to_owned(),
        })?;
        let address = RepositoryAddress::parse(kind, &web)?;
        let api = Api::new(git, http, kind, &address, token);
        Ok(Self { kind, address, api })
    }

    pub(crate) fn kind(&self) -> ForgeKind {
        self.kind
    }

    /// Returns the open change request from one branch to another.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn find(
        &self,
        branch: &str,
        target: &str,
    ) -> Result<Option<ChangeRequest>, Error> {
        on_host!(self, host => host.find(branch, target).await)
    }

    /// Returns the open change request of the proposal, opening it if there is none. When the
    /// answer is lost or a refusal, a second lookup decides.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn open(&self, proposal: &Proposal) -> Result<ChangeRequest, Error> {
        let (branch, target) = (proposal.branch.as_str(), proposal.target.as_str());
        if let Some(found) = self.find(branch, target).await? {
            return Ok(found);
        }
        let mut pauses = api::PAUSES.into_iter();
        loop {
            let created = on_host!(self, host => host.create(proposal).await);
            let error = match created {
                Ok(created) => return Ok(created),
                Err(error @ (Error::Refused { .. } | Error::Remote { .. })) => error,
                Err(error) => return Err(error),
            };
            if let Some(found) = self.find(branch, target).await? {
                return Ok(found);
            }
            match pauses.next() {
                Some(pause) if matches!(error, Error::Remote { .. }) => {
                    tracing::warn!("{error}: trying again");
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Updates title, text, labels and reviewers of a change request.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn complete(
        &self,
        found: &ChangeRequest,
        proposal: &Proposal,
    ) -> Result<(), Error> {
        if !proposal.labels.is_empty() && !self.kind.has_labels() {
            tracing::warn!("{} has no labels on change requests", self.kind);
        }
        on_host!(self, host => host.complete(found, proposal).await)
    }

    /// Enables auto-merge of a change request.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the host's API lacks it, or any other [`Error`].
    pub(crate) async fn merge_when_ready(
        &self,
        found: &ChangeRequest,
        commit: &str,
    ) -> Result<(), Error> {
        on_host!(self, host => host.merge_when_ready(found, commit).await)
    }

    /// Returns the current state of a change request.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn get(&self, number: u64) -> Result<ChangeRequest, Error> {
        on_host!(self, host => host.get(number).await)
    }

    /// Sets the status of a commit.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn set_status(&self, status: &CommitStatus) -> Result<(), Error> {
        on_host!(self, host => host.set_status(status).await)
    }

    /// Returns a number of an answer; a missing one is an error.
    fn number(&self, raw: &Value, key: &str) -> Result<u64, Error> {
        raw[key]
            .as_u64()
            .ok_or_else(|| self.unclear(format!("its answer has no number {key:?}")))
    }

    /// Returns the list of an answer; a missing one is an error.
    fn list<'a>(&self, raw: &'a Value) -> Result<&'a [Value], Error> {
        let list = raw.as_array().map(Vec::as_slice);
        list.ok_or_else(|| self.unclear("its answer has no list".to_owned()))
    }

    fn unclear(&self, reason: String) -> Error {
        Error::Remote {
            kind: self.kind,
            host: self.api.host(),
            doing: "answer as its API does",
            reason,
        }
    }

    /// Returns the URL of the page of a commit.
    pub(crate) fn commit_page(&self, commit: &str) -> String {
        self.address.commit_page(self.kind, commit)
    }
}

/// Returns the URL of the page of a commit; `None` when neither the URL nor a kind determines its form.
pub(crate) fn commit_page(
    repository: &str,
    kind: Option<ForgeKind>,
    commit: &str,
) -> Option<String> {
    let web = web_url(repository).ok()?;
    let kind = kind.or_else(|| ForgeKind::of(&web))?;
    let address = RepositoryAddress::parse(kind, &web).ok()?;
    (!commit.is_empty()).then(|| address.commit_page(kind, commit))
}

/// Returns a member of an answer by its path; `null` when it is missing.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, key| &value[*key])
}

/// Returns a text of an answer; an empty one is treated as absent.
fn text(value: &Value, path: &[&str]) -> Option<String> {
    let text = at(value, path).as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests;
