//! The API of a Git host: change requests and commit statuses, as strict as a host or stricter.
//! Unknown members and parameters, and tokens in another header than the host's own, are refused.

mod app;
mod azure;
mod bitbucket;
mod bitbucket_server;
mod gitea;
mod github;
mod gitlab;
mod request;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use app::App;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Method, Response, header::HeaderMap};
use request::{ApiRequest, decoded, pairs};
use serde_json::{Value, json};

use crate::{
    git::{Repository, packet::Push},
    server::{Body, response},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    GitLab,
    GitHub,
    Gitea,
    Bitbucket,
    BitbucketDataCenter,
    Azure,
}

impl Kind {
    /// Every kind with its name on the command line.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::GitLab, "gitlab"),
        (Self::GitHub, "github"),
        (Self::Gitea, "gitea"),
        (Self::Bitbucket, "bitbucket"),
        (Self::BitbucketDataCenter, "bitbucket-data-center"),
        (Self::Azure, "azure-devops"),
    ];
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeRequest {
    pub number: u64,
    pub source: String,
    /// The branch that it is merged into.
    pub target: String,
    pub title: String,
    pub body: String,
    pub labels: Vec<String>,
    pub reviewers: Vec<String>,
    /// The request is merged as soon as its checks pass.
    pub auto_merge: bool,
    /// The request was closed without a merge.
    pub closed: bool,
    pub merged: Option<String>,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    pub commit: String,
    /// The state as the host spells it, such as `success`.
    pub state: String,
    pub context: String,
    pub description: String,
    pub link: Option<String>,
}

/// An answer in place of the real one.
#[derive(Debug, Clone)]
pub struct ForgeFault {
    pub method: &'static str,
    pub path: &'static str,
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// The request is carried out all the same.
    pub is_done: bool,
    /// Number of requests that get this answer.
    pub times: usize,
}

#[derive(Default)]
struct ForgeState {
    requests: Vec<ChangeRequest>,
    statuses: Vec<CommitStatus>,
    labels: Vec<String>,
    faults: Vec<ForgeFault>,
    root: PathBuf,
    address: String,
    app: Option<App>,
}

/// The API of one host with one token.
pub struct Forge {
    kind: Kind,
    token: String,
    /// The path below which the host is installed, `/ROOT` or empty.
    below: String,
    state: Mutex<ForgeState>,
}

/// The status and the JSON body of an answer.
type Answer = (u16, Value);

impl Forge {
    /// Returns the API of a host that accepts one token.
    #[must_use]
    pub fn new(kind: Kind, token: &str) -> Self {
        Self {
            kind,
            token: token.to_owned(),
            below: String::new(),
            state: Mutex::default(),
        }
    }

    /// Installs the host below a path, such as `gitlab`.
    #[must_use]
    pub fn below(self, root: &str) -> Self {
        let below = format!("/{root}");
        Self { below, ..self }
    }

    fn state(&self) -> MutexGuard<'_, ForgeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_root(&self, root: &std::path::Path, address: &str) {
        let mut state = self.state();
        state.root = root.to_owned();
        state.address = address.to_owned();
    }

    #[must_use]
    pub fn requests(&self) -> Vec<ChangeRequest> {
        self.state().requests.clone()
    }

    /// Returns all commit statuses in the order in which they were set.
    #[must_use]
    pub fn statuses(&self) -> Vec<CommitStatus> {
        self.state().statuses.clone()
    }

    /// Registers a GitHub App by its ID, its installation and its private key.
    pub fn set_app(&self, id: &str, installation: &str, key: &str) -> anyhow::Result<()> {
        self.state().app = Some(App::new(id, installation, key)?);
        Ok(())
    }

    /// Answers the next requests that match by a fault.
    pub fn fail(&self, fault: ForgeFault) {
        self.state().faults.push(fault);
    }

    /// Opens a change request by hand.
    pub fn open(&self, source: &str, target: &str) {
        let number = self.state().requests.len() as u64 + 1;
        self.state().requests.push(ChangeRequest {
            number,
            source: source.to_owned(),
            target: target.to_owned(),
            ..ChangeRequest::default()
        });
    }

    /// Merges a change request by a merge commit.
    pub fn merge(&self, number: u64, repository: &Repository) -> anyhow::Result<String> {
        let mut state = self.state();
        let found = state.requests.iter_mut().find(|one| one.number == number);
        let found = found.ok_or_else(|| anyhow::anyhow!("no change request {number}"))?;
        let head = repository.resolve(&found.source)?;
        let tree = repository.resolve(&format!("{head}^{{tree}}"))?;
        let target = repository.resolve(&found.target)?;
        let arguments = [
            "commit-tree",
            &tree,
            "-p",
            &target,
            "-p",
            &head,
            "-m",
            "merge",
        ];
        let commit = repository.git(&arguments, None)?;
        let name = format!("refs/heads/{}", found.target);
        repository.git(&["update-ref", &name, &commit], None)?;
        found.merged = Some(commit.clone());
        Ok(commit)
    }

    /// Closes a change request without a merge.
    pub fn close(&self, number: u64) {
        let mut state = self.state();
        let found = state.requests.iter_mut().find(|one| one.number == number);
        if let Some(found) = found {
            found.closed = true;
        }
    }

    /// Tells whether a path is one of the API.
    pub(crate) fn is_for(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix(&self.below) else {
            return false;
        };
        let begins = |beginnings: &[&str]| beginnings.iter().any(|one| path.starts_with(one));
        match self.kind {
            Kind::GitLab => begins(&["/api/v4/"]),
            Kind::GitHub => begins(&["/api/v3/", "/api/graphql"]),
            Kind::Gitea => begins(&["/api/v1/"]),
            Kind::Bitbucket => begins(&["/2.0/"]),
            Kind::BitbucketDataCenter => begins(&["/rest/"]),
            Kind::Azure => path.contains("/_apis/"),
        }
    }

    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Response<Body> {
        let fault = self.fault(method, path);
        if let Some(fault) = fault.as_ref().filter(|fault| !fault.is_done) {
            return failed(fault);
        }
        let (status, body) = self.carry_out(method, path, query, headers, body);
        if let Some(fault) = fault {
            return failed(&fault);
        }
        json_response(status, &[], &body)
    }

    fn fault(&self, method: &Method, path: &str) -> Option<ForgeFault> {
        let mut state = self.state();
        let is = |fault: &ForgeFault| {
            fault.times > 0 && fault.method == method.as_str() && path.contains(fault.path)
        };
        let found = state.faults.iter_mut().find(|fault| is(fault))?;
        found.times -= 1;
        Some(found.clone())
    }

    fn carry_out(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answer {
        if let Some(answer) = self.of_app(path, headers) {
            return answer;
        }
        if !self.is_known(headers) {
            return (401, json!({"message": "401 Unauthorized"}));
        }
        let body = match body.is_empty() {
            true => Value::Null,
            false => match serde_json::from_slice(body) {
                Ok(body) => body,
                Err(error) => return (400, json!({"message": error.to_string()})),
            },
        };
        let path = path.strip_prefix(&self.below).unwrap_or(path);
        let parts = path.split('/').skip(1).map(decoded);
        let request = ApiRequest {
            method: method.as_str(),
            parts: parts.collect(),
            query: pairs(query),
            body,
        };
        let answered = match self.kind {
            Kind::GitLab => gitlab::answer(self, &request),
            Kind::GitHub => github::answer(self, &request),
            Kind::Gitea => gitea::answer(self, &request),
            Kind::Bitbucket => bitbucket::answer(self, &request),
            Kind::BitbucketDataCenter => bitbucket_server::answer(self, &request),
            Kind::Azure => azure::answer(self, &request),
        };
        answered.unwrap_or_else(|refused| refused)
    }

    fn of_app(&self, path: &str, headers: &HeaderMap) -> Option<Answer> {
        let state = self.state();
        let app = state.app.as_ref()?;
        let sent = headers.get("authorization");
        let sent = sent.and_then(|value| value.to_str().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        app.answer(path, sent.unwrap_or_default(), &self.token, now.as_secs())
    }

    /// Tells if the token is in the header of this host, and in no other.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let token = &self.token;
        let authorization = header("authorization").unwrap_or_default();
        let basic = authorization.strip_prefix("Basic ");
        let basic = basic.and_then(|text| STANDARD.decode(text).ok());
        let basic = basic.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let bearer = authorization == format!("Bearer {token}");
        match self.kind {
            Kind::GitLab => bearer || header("private-token") == Some(token),
            Kind::GitHub => bearer && header("user-agent").is_some(),
            Kind::Gitea => authorization == format!("token {token}"),
            Kind::Bitbucket | Kind::BitbucketDataCenter => {
                bearer || basic.is_some_and(|basic| basic.ends_with(&format!(":{token}")))
            }
            Kind::Azure => basic == Some(format!(":{token}")),
        }
    }

    /// Handles a push: GitLab opens the change request that its push options describe and prints the page.
    pub(crate) fn pushed(&self, repository: &str, push: &Push) -> Option<String> {
        let below = format!("{}/", self.below.trim_start_matches('/'));
        let repository = repository.strip_prefix(&below).unwrap_or(repository);
        match self.kind {
            Kind::GitLab => gitlab::pushed(self, repository, push),
            _ => None,
        }
    }

    /// The commit of a branch, `None` if there is none.
    fn branch(&self, repository: &str, branch: &str) -> Option<String> {
        let path = self.path_of(repository);
        fs::metadata(&path).ok()?;
        let output = Command::new("git")
            .current_dir(path)
            .args(["rev-parse", "--verify", "--quiet"])
            .arg(format!("refs/heads/{branch}"))
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    }

    fn has_commit(&self, repository: &str, commit: &str) -> bool {
        let path = self.path_of(repository);
        let found = Command::new("git")
            .current_dir(path)
            .args(["cat-file", "-e", &format!("{commit}^{{commit}}")])
            .output();
        found.is_ok_and(|output| output.status.success())
    }

    /// Opens a change request as a host does: once for each pair of branches.
    fn create(
        &self,
        repository: &str,
        new: ChangeRequest,
        again: u16,
    ) -> Result<ChangeRequest, Answer> {
        let wrong = |status: u16, text: &str| Err((status, json!({"message": text})));
        let Some(head) = self.branch(repository, &new.source) else {
            return wrong(422, "the source branch does not exist");
        };
        let Some(base) = self.branch(repository, &new.target) else {
            return wrong(422, "the target branch does not exist");
        };
        if head == base {
            return wrong(422, "no commits between the branches");
        }
        let mut state = self.state();
        let is_open = |one: &&ChangeRequest| !one.closed && one.merged.is_none();
        let same = |one: &&ChangeRequest| one.source == new.source && one.target == new.target;
        if state.requests.iter().filter(is_open).any(|one| same(&one)) {
            return wrong(again, "there is one for this branch");
        }
        let number = state.requests.len() as u64 + 1;
        let new = ChangeRequest { number, ..new };
        state.requests.push(new.clone());
        Ok(new)
    }

    /// The open change requests of a branch.
    fn open_of(&self, source: Option<&str>, target: Option<&str>) -> Vec<ChangeRequest> {
        let is = |one: &&ChangeRequest| {
            !one.closed
                && one.merged.is_none()
                && source.is_none_or(|source| one.source == source)
                && target.is_none_or(|target| one.target == target)
        };
        self.state().requests.iter().filter(is).cloned().collect()
    }

    /// Changes a change request and returns it.
    fn change(
        &self,
        number: &str,
        change: impl FnOnce(&mut ChangeRequest),
    ) -> Result<ChangeRequest, Answer> {
        let mut state = self.state();
        let found = state
            .requests
            .iter_mut()
            .find(|one| one.number.to_string() == number);
        let found = found.ok_or((404, json!({"message": "404 Not found"})))?;
        change(found);
        found.version += 1;
        Ok(found.clone())
    }

    fn get(&self, number: &str) -> Result<ChangeRequest, Answer> {
        let state = self.state();
        let mut all = state.requests.iter();
        let found = all.find(|one| one.number.to_string() == number);
        found
            .cloned()
            .ok_or((404, json!({"message": "404 Not found"})))
    }

    /// Stores a commit status if the repository has the commit.
    fn set(&self, repository: &str, status: CommitStatus) -> Result<(), Answer> {
        if !self.has_commit(repository, &status.commit) {
            return Err((404, json!({"message": "no such commit"})));
        }
        self.state().statuses.push(status);
        Ok(())
    }

    fn page(&self, path: &str) -> String {
        format!("{}{}/{path}", self.state().address, self.below)
    }

    fn path_of(&self, repository: &str) -> PathBuf {
        let below = self.below.trim_start_matches('/');
        self.state()
            .root
            .join(below)
            .join(format!("{repository}.git"))
    }
}

fn not_found() -> Answer {
    (404, json!({"message": "404 Not Found"}))
}

fn failed(fault: &ForgeFault) -> Response<Body> {
    let text = format!("the host says {}", fault.status);
    json_response(fault.status, &fault.headers, &json!({"message": text}))
}

fn json_response(status: u16, headers: &[(&str, String)], body: &Value) -> Response<Body> {
    let kind = ("content-type", "application/json".to_owned());
    let headers: Vec<_> = headers.iter().cloned().chain([kind]).collect();
    match body {
        Value::Null => response(status, &headers, ""),
        body => response(status, &headers, body.to_string()),
    }
}
