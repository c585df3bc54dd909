//! `--change-request`: the edit on a branch of its own, and a change request for it.
//!
//! The branch is named by the change, so that a second run finds what the first one pushed:
//! 1. plan the edit on the target branch; no change needs no request
//! 2. look up the branch and an open change request
//! 3. push the branch, unless it holds the edit already
//! 4. open the change request, or update the one that is open
//! 5. wait for the merge, if requested

mod body;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::{
    Context, DeployRequest, EditResult, Guard, edit_result,
    images::ImagesToDeploy,
    message,
    plan::{Plan, plan},
    remote::{GitopsRemote, REFUSALS, change, pause},
    remote_tree,
};
use crate::{
    commands::{
        commit_status::token as token_of,
        failures::{forge_failure, git_failure},
    },
    failure::{Failure, Kind},
    forge::{self, ChangeRequestState, Forge, Proposal},
    git::{self, FetchedRepository, Lease, PushRequest, commit_of_branch},
};

/// The number of times that the branch is prepared when others change the branches meanwhile.
const ATTEMPTS: u32 = 10;
/// The longest wait for a merge.
const PATIENCE: Duration = Duration::from_secs(3600);
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// The access to the Git host, and the properties of a change request.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeRequestOptions {
    /// Opens a change request in place of a push.
    pub(crate) is_on: bool,
    /// The kind of host; `None` derives it from the URL.
    pub(crate) forge: Option<forge::ForgeKind>,
    /// The file with the token for the API.
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) labels: Vec<String>,
    pub(crate) reviewers: Vec<String>,
    /// Lets the host merge it once its checks allow that.
    pub(crate) auto_merge: bool,
    /// Waits until it is merged.
    pub(crate) wait: bool,
}

/// The branch of a change, pushed or found.
struct Pushed {
    commit: String,
    /// The text that the host printed.
    said: String,
}

enum PreparedBranch {
    Unchanged(EditResult),
    Shown(EditResult),
    Change(Box<PlannedChange>),
}

/// The edit as planned on the target branch.
#[derive(Clone)]
struct PlannedChange {
    target: String,
    branch: String,
    title: String,
    body: String,
    lines: String,
}

impl PlannedChange {
    /// Returns the change request for the branch.
    fn proposal(&self, options: &ChangeRequestOptions) -> Proposal {
        Proposal {
            branch: self.branch.clone(),
            target: self.target.clone(),
            title: self.title.clone(),
            body: self.body.clone(),
            labels: options.labels.clone(),
            reviewers: options.reviewers.clone(),
        }
    }
}

/// Edits the files of the branch and opens a change request for it.
pub(super) async fn propose(
    request: DeployRequest,
    wanted: ImagesToDeploy,
    remote: GitopsRemote,
    context: &Context,
) -> Result<EditResult, Failure> {
    let options = &request.change_request;
    let forge = forge_of(options, &remote.url, true, context)?;
    let forge = forge.located().await.map_err(forge_failure)?;
    if options.auto_merge && forge.kind() == forge::ForgeKind::BitbucketCloud {
        let text = "Bitbucket Cloud has no automatic merge in its API";
        return Err(Failure::message(Kind::Usage, text).hint("leave --auto-merge out"));
    }
    let guard = Guard::new(&request, &wanted, context);
    let (mut attempt, mut refusals) = (0, 0);
    loop {
        attempt += 1;
        let prepared = prepare(&request, &wanted, &remote, &guard, context).await?;
        let change = match prepared {
            PreparedBranch::Unchanged(done) | PreparedBranch::Shown(done) => return Ok(done),
            PreparedBranch::Change(change) => *change,
        };
        let proposal = change.proposal(options);
        let open = find_open(&forge, &proposal).await?;
        let push_options = match forge.kind() {
            forge::ForgeKind::GitLab => {
                forge::push_options(&proposal, options.auto_merge && open.is_err())
            }
            _ => Vec::new(),
        };
        let job = BranchPush {
            request: request.clone(),
            wanted: wanted.clone(),
            remote: remote.clone(),
            change: change.clone(),
            is_open: matches!(open, Ok(true)),
            push_options,
            time: context.clock.written(),
        };
        let pushed = context.git.run(move |git| Ok(job.push(git))).await;
        match pushed.map_err(git_failure)?? {
            Ok(pushed) => {
                let off = open.err();
                return conclude(&forge, options, &proposal, change, pushed, off).await;
            }
            Err(error) => {
                // The host may refuse because another push held a lock.
                refusals = match error {
                    git::Error::Rejected { .. } => refusals + 1,
                    _ => 0,
                };
                if attempt >= ATTEMPTS || refusals >= REFUSALS {
                    return Err(git_failure(error));
                }
                tracing::info!("the push was rejected, preparing the change again: {error}");
                tokio::time::sleep(pause(attempt)).await;
            }
        }
    }
}

/// Returns the API of a repository's host. Logins without a host go to one that the command line names.
pub(super) fn forge_of(
    options: &ChangeRequestOptions,
    url: &str,
    is_named: bool,
    context: &Context,
) -> Result<Forge, Failure> {
    let token = options.token_file.as_deref();
    let token = token.map(|path| token_of(path, context)).transpose()?;
    if let Some(web) = forge::web_url(url).ok().filter(|_| is_named) {
        context.git.trust_with_credentials(web.as_str());
    }
    Forge::new(&context.git, &context.http, url, options.forge, token).map_err(forge_failure)
}

/// Plans the edit on the target branch.
async fn prepare(
    request: &DeployRequest,
    wanted: &ImagesToDeploy,
    remote: &GitopsRemote,
    guard: &Guard,
    context: &Context,
) -> Result<PreparedBranch, Failure> {
    let (request, wanted, remote, guard) = (
        request.clone(),
        wanted.clone(),
        remote.clone(),
        guard.clone(),
    );
    let work = move |git: &git::Git| {
        let fetched = git.fetch(&remote.url, remote.branch.as_deref())?;
        Ok(prepare_on(&fetched, &request, &wanted, &remote, &guard))
    };
    context.git.run(work).await.map_err(git_failure)?
}

fn prepare_on(
    fetched: &FetchedRepository,
    request: &DeployRequest,
    wanted: &ImagesToDeploy,
    remote: &GitopsRemote,
    guard: &Guard,
) -> Result<PreparedBranch, Failure> {
    let target = target_of(fetched, remote)?;
    let plan = plan_on(fetched, request, wanted)?;
    let head = fetched.commit_id();
    guard.check(&plan.changed, Some((&remote.url, &head)))?;
    if plan.files.is_empty() {
        let mut done = edit_result(false, &head, &target);
        done.stdout = plan.lines(&head).into_bytes();
        return Ok(PreparedBranch::Unchanged(done));
    }
    if request.dry_run {
        let mut done = edit_result(true, &head, &target);
        done.places = plan.edited();
        done.stdout = plan.dry_run().into_bytes();
        return Ok(PreparedBranch::Shown(done));
    }
    let message = message::of(request, wanted, &plan.changed);
    let title = message.lines().next().unwrap_or_default().to_owned();
    Ok(PreparedBranch::Change(Box::new(PlannedChange {
        branch: branch_of(request, wanted, &target),
        title,
        body: body::of(request, wanted, &plan),
        lines: plan.lines(""),
        target,
    })))
}

fn target_of(fetched: &FetchedRepository, remote: &GitopsRemote) -> Result<String, Failure> {
    let branch = fetched.branch().map(str::to_owned);
    branch.ok_or_else(|| {
        let named = remote.branch.as_deref().unwrap_or("HEAD");
        let text = format!("{named} is not a branch of the GitOps repository");
        Failure::message(Kind::Usage, text)
    })
}

fn plan_on(
    fetched: &FetchedRepository,
    request: &DeployRequest,
    wanted: &ImagesToDeploy,
) -> Result<Plan, Failure> {
    let tree = remote_tree(fetched);
    plan(request, &wanted.images, &tree)
}

/// Returns the branch of a change: the same for the same images, environments and target.
fn branch_of(request: &DeployRequest, wanted: &ImagesToDeploy, target: &str) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    add(target);
    for image in &wanted.images {
        add(&image.name);
        add(&image.reference.to_string());
    }
    let places = [
        &request.file,
        &request.path,
        &request.kustomize,
        &request.helm_values,
        &request.key,
        &request.setter_namespace,
        &request.document,
    ];
    for place in places {
        add(place.as_deref().unwrap_or_default());
    }
    add(&format!("{:?} {}", request.pin, request.setter));
    request.environments.iter().for_each(|name| add(name));
    let hash = hex::encode(hash.finalize());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let environment = request.environments.join("-");
    let environment: String = environment
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .collect();
    format!(
        "promote/{environment}-{}",
        hash.get(..16).unwrap_or_default()
    )
}

/// Tells whether the change request is open already. GitLab takes push options where a token has
/// no right to its API; then the inner error has the reason why the API cannot be used.
async fn find_open(
    forge: &Forge,
    proposal: &Proposal,
) -> Result<Result<bool, forge::Error>, Failure> {
    match forge.find(&proposal.branch, &proposal.target).await {
        Ok(found) => Ok(Ok(found.is_some())),
        Err(
            error @ (forge::Error::Lacks { .. }
            | forge::Error::Unknown { .. }
            | forge::Error::NotFound { .. }
            | forge::Error::NoToken { .. }),
        ) if forge.kind() == forge::ForgeKind::GitLab => {
            tracing::info!("using push options alone: {error}");
            Ok(Err(error))
        }
        Err(error) => Err(forge_failure(error)),
    }
}

/// A push to the branch of a change.
struct BranchPush {
    request: DeployRequest,
    wanted: ImagesToDeploy,
    remote: GitopsRemote,
    change: PlannedChange,
    is_open: bool,
    push_options: Vec<String>,
    time: jiff::Timestamp,
}

impl BranchPush {
    /// Pushes the branch, unless it holds the edit already; the inner error is a concurrent push.
    fn push(&self, git: &git::Git) -> Result<Result<Pushed, git::Error>, Failure> {
        let url = &self.remote.url;
        let refs = git.ls_remote(url).map_err(git_failure)?;
        let head = commit_of_branch(&refs, &self.change.branch).map(str::to_owned);
        let fetch = |branch: &str| git.fetch(url, Some(branch)).map_err(git_failure);
        let Some(head) = head else {
            let target = fetch(&self.change.target)?;
            return self.push_on(target, Lease::Absent);
        };
        let found = fetch(&self.change.branch)?;
        let holds_edit = plan_on(&found, &self.request, &self.wanted)?
            .files
            .is_empty();
        if self.is_open {
            return match holds_edit {
                true => Ok(Ok(Pushed {
                    commit: found.commit_id(),
                    said: String::new(),
                })),
                // Another user changed the branch: their commits are kept.
                false => self.push_on(found, Lease::Fetched),
            };
        }
        let target = fetch(&self.change.target)?;
        let parents = found.parents().map_err(git_failure)?;
        if holds_edit && parents == [target.commit_id()] && self.push_options.is_empty() {
            return Ok(Ok(Pushed {
                commit: found.commit_id(),
                said: String::new(),
            }));
        }
        // An earlier run left this branch, and its change request was closed or never opened.
        self.push_on(target, Lease::At(head))
    }

    fn push_on(
        &self,
        mut base: FetchedRepository,
        lease: Lease,
    ) -> Result<Result<Pushed, git::Error>, Failure> {
        let plan = plan_on(&base, &self.request, &self.wanted)?;
        if plan.files.is_empty() {
            // The image was deployed meanwhile.
            return Ok(Err(git::Error::Moved {
                url: self.remote.url.clone(),
                branch: self.change.target.clone(),
                reason: "it holds the image now".to_owned(),
            }));
        }
        let message = message::of(&self.request, &self.wanted, &plan.changed);
        let changes: Vec<_> = plan.files.iter().map(change).collect();
        let key = self.remote.key.as_ref();
        base.commit(&changes, &message, &self.request.author, self.time, key)
            .map_err(git_failure)?;
        let push = PushRequest {
            branch: self.change.branch.clone(),
            lease,
            options: self.push_options.clone(),
        };
        match base.push(&push) {
            Ok(said) => {
                let commit = base.commit_id();
                tracing::info!("pushed {commit} to {}", push.branch);
                Ok(Ok(Pushed { commit, said }))
            }
            Err(error @ (git::Error::Moved { .. } | git::Error::Rejected { .. })) => Ok(Err(error)),
            Err(error) => Err(git_failure(error)),
        }
    }
}

/// Opens the change request or updates it, and waits for its merge.
async fn conclude(
    forge: &Forge,
    options: &ChangeRequestOptions,
    proposal: &Proposal,
    change: PlannedChange,
    pushed: Pushed,
    off: Option<forge::Error>,
) -> Result<EditResult, Failure> {
    let commit = pushed.commit;
    let mut done = edit_result(true, &commit, &change.branch);
    done.stdout = change
        .lines
        .lines()
        .map(|line| format!("{line} {commit}\n"))
        .collect::<String>()
        .into_bytes();
    if let Some(error) = off {
        let Some(url) = request_url(&pushed.said) else {
            return Err(forge_failure(error));
        };
        if options.wait || !options.reviewers.is_empty() {
            let told = format!("the change request {url} is open, but not as requested");
            return Err(forge_failure(error).context(told));
        }
        tracing::info!("change request: {url}");
        done.change_request = Some(url);
        return Ok(done);
    }
    let found = forge.open(proposal).await.map_err(forge_failure)?;
    let told = |error: forge::Error| {
        let text = format!(
            "the change request {} is open, but not as requested",
            found.url
        );
        forge_failure(error).context(text)
    };
    forge.complete(&found, proposal).await.map_err(told)?;
    if options.auto_merge {
        let merged = forge.merge_when_ready(&found, &commit).await;
        merged.map_err(told)?;
    }
    tracing::info!("change request: {}", found.url);
    done.change_request = Some(found.url.clone());
    if options.wait {
        let merged = wait(forge, found.number, &found.url).await?;
        done.commit = merged.unwrap_or(commit);
        done.branch = change.target;
    }
    Ok(done)
}

/// Waits until the change request is merged; returns the commit of the merge if the host has it.
async fn wait(forge: &Forge, number: u64, url: &str) -> Result<Option<String>, Failure> {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        match forge.get(number).await.map_err(forge_failure)?.state {
            ChangeRequestState::Merged(commit) => {
                tracing::info!("{url} is merged");
                return Ok(commit);
            }
            ChangeRequestState::Closed => {
                let text = format!("the change request {url} was closed without a merge");
                return Err(Failure::message(Kind::Conflict, text)
                    .hint("open it again, or run again to propose the change anew"));
            }
            ChangeRequestState::Open if begin.elapsed() > PATIENCE => {
                let text = format!("the change request {url} is not merged after {PATIENCE:?}");
                return Err(
                    Failure::message(Kind::Remote, text).hint("run again to continue waiting")
                );
            }
            ChangeRequestState::Open => {}
        }
        tokio::time::sleep(pause).await;
        pause = MAX_PAUSE.min(pause * 2);
    }
}

/// Returns the page of the merge request in GitLab's answer to a push.
fn request_url(said: &str) -> Option<String> {
    let mut words = said.split([' ', ';', '\t']);
    let is_page = |word: &&str| {
        word.starts_with("http")
            && word
                .split_once("/merge_requests/")
                .is_some_and(|(_, number)| {
                    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
                })
    };
    words.find(is_page).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_page_among_what_the_host_printed() {
        let said = "View merge request for promote/prod-1:; https://git.example/acme/ops/-/merge_requests/7; Bye";
        let page = "https://git.example/acme/ops/-/merge_requests/7";
        assert_eq!(request_url(said).as_deref(), Some(page));
        let new = "To create: https://git.example/acme/ops/-/merge_requests/new?merge_request";
        assert_eq!(request_url(new), None);
    }
}
