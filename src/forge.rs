//! What Git hosts do besides Git: change requests (merge or pull requests) and commit statuses.
//!
//! One interface over the APIs of GitLab, GitHub, Gitea and Forgejo, Bitbucket Cloud and Data
//! Center, and Azure DevOps. A token goes to the API of the repository's own host alone.

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

use address::Address;
pub(crate) use address::web_url;
use api::Api;
pub(crate) use api::Token;
pub(crate) use error::Error;
pub(crate) use gitlab::push_options;
pub(crate) use kind::Kind;
use serde_json::Value;

use crate::{git::Git, http::Http};

/// A change request that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// The branch with the change.
    pub(crate) branch: String,
    /// The branch that is to take it.
    pub(crate) target: String,
    /// The title.
    pub(crate) title: String,
    /// The text, in Markdown.
    pub(crate) body: String,
    /// The labels.
    pub(crate) labels: Vec<String>,
    /// The names of reviewers, as the host knows them.
    pub(crate) reviewers: Vec<String>,
}

/// A change request as the host has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChangeRequest {
    /// Its number in the repository.
    pub(crate) number: u64,
    /// Its page.
    pub(crate) url: String,
    /// What became of it.
    pub(crate) state: State,
    /// The whole answer of the host.
    raw: Value,
}

/// What became of a change request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits.
    Open,
    /// It was merged, by this commit of the target branch if the host tells.
    Merged(Option<String>),
    /// It was closed without a merge.
    Closed,
}

/// How far a promotion is, for a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It runs.
    Pending,
    /// It is done.
    Success,
    /// It was refused or failed.
    Failure,
}

/// A status of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// The commit.
    pub(crate) commit: String,
    /// How far it is.
    pub(crate) progress: Progress,
    /// The name under which the host shows it; a later status of the name replaces it.
    pub(crate) context: String,
    /// One line.
    pub(crate) description: String,
    /// The page that explains it.
    pub(crate) link: Option<String>,
}

/// The API of a repository's host.
#[derive(Debug, Clone)]
pub(crate) struct Forge {
    kind: Kind,
    address: Address,
    api: Api,
}

/// What each host does in its own way.
trait Host {
    /// The open change request from one branch to another.
    async fn find(&self, branch: &str, target: &str) -> Result<Option<ChangeRequest>, Error>;
    /// Opens one. What is set by requests of their own is left to `complete`.
    async fn create(&self, proposal: &Proposal) -> Result<ChangeRequest, Error>;
    /// Brings title, text, labels and reviewers up to date.
    async fn complete(&self, found: &ChangeRequest, proposal: &Proposal) -> Result<(), Error>;
    /// Lets the host merge it as soon as its checks allow that; `commit` is the head.
    async fn merge_when_ready(&self, found: &ChangeRequest, commit: &str) -> Result<(), Error>;
    /// The change request as it is now.
    async fn get(&self, number: u64) -> Result<ChangeRequest, Error>;
    /// Sets a status.
    async fn set_status(&self, status: &Status) -> Result<(), Error>;
}

/// Calls a method of the host's own implementation.
macro_rules! on_host {
    ($forge:expr, $host:ident => $call:expr) => {
        match $forge.kind {
            Kind::GitLab => {
                let $host = gitlab::GitLab($forge);
                $call
            }
            Kind::GitHub => {
                let $host = github::GitHub($forge);
                $call
            }
            Kind::Gitea => {
                let $host = gitea::Gitea($forge);
                $call
            }
            Kind::BitbucketCloud => {
                let $host = bitbucket_cloud::Cloud($forge);
                $call
            }
            Kind::BitbucketDataCenter => {
                let $host = bitbucket_server::Server($forge);
                $call
            }
            Kind::AzureDevOps => {
                let $host = azure::Azure($forge);
                $call
            }
        }
    };
}

impl Forge {
    /// Names the API of a repository's host; nothing is connected yet. Without a kind, the URL tells.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] and [`Error::Address`].
    pub(crate) fn new(
        git: &Git,
        http: &Http,
        repository: &str,
        kind: Option<Kind>,
        token: Option<Token>,
    ) -> Result<Self, Error> {
        let web = web_url(repository)?;
        let kind = kind.or_else(|| Kind::of(&web));
        let kind = kind.ok_or_else(|| Error::UnknownKind {
            host: web.host_str().unwrap_or_default().to_owned(),
        })?;
        let address = Address::parse(kind, &web)?;
        let api = Api::new(git, http, kind, &address, token);
        Ok(Self { kind, address, api })
    }

    /// The kind of host.
    pub(crate) fn kind(&self) -> Kind {
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

    /// Returns the open change request of the proposal, opening it if there is none. Whether a
    /// request whose answer was lost or refused opened it, only a look tells.
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

    /// Brings title, text, labels and reviewers of a change request up to date.
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

    /// Lets the host merge a change request as soon as its checks allow that.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the host's API has no such thing, or any other [`Error`].
    pub(crate) async fn merge_when_ready(
        &self,
        found: &ChangeRequest,
        commit: &str,
    ) -> Result<(), Error> {
        on_host!(self, host => host.merge_when_ready(found, commit).await)
    }

    /// Returns a change request as it is now.
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
    pub(crate) async fn set_status(&self, status: &Status) -> Result<(), Error> {
        on_host!(self, host => host.set_status(status).await)
    }

    /// A number of an answer: without it a later request would be about something else.
    fn number(&self, raw: &Value, key: &str) -> Result<u64, Error> {
        raw[key]
            .as_u64()
            .ok_or_else(|| self.unclear(format!("its answer has no number {key:?}")))
    }

    /// A list of an answer; a missing one is not an empty one.
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

    /// The page of a commit.
    pub(crate) fn commit_page(&self, commit: &str) -> String {
        self.address.commit_page(self.kind, commit)
    }
}

/// The page of a commit; `None` where neither the URL nor a kind tells its host's pages.
pub(crate) fn commit_page(repository: &str, kind: Option<Kind>, commit: &str) -> Option<String> {
    let web = web_url(repository).ok()?;
    let kind = kind.or_else(|| Kind::of(&web))?;
    let address = Address::parse(kind, &web).ok()?;
    (!commit.is_empty()).then(|| address.commit_page(kind, commit))
}

/// A member of an answer, by its path.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, key| &value[*key])
}

/// A text of an answer; an empty one is absent.
fn text(value: &Value, path: &[&str]) -> Option<String> {
    let text = at(value, path).as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests;
