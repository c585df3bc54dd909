//! `--commit-status`: shows the state of a promotion at the source's commit and the GitOps commit.
//!
//! A status is for people who read the host's pages: one that cannot be set is warned of and changes
//! nothing else.

use super::{
    Context, DeployRequest, DeployTarget, EditResult,
    change_request::{ChangeRequestOptions, forge_of},
    images::ImagesToDeploy,
};
use crate::{
    commands::{
        commit_status::{description, set},
        failures::forge_failure,
    },
    failure::Failure,
    forge::{self, CommitStatus, StatusState},
};

/// The commits whose statuses are set.
pub(super) struct Statuses<'a> {
    context: &'a Context,
    is_on: bool,
    /// The repository and commit of the source.
    source: Option<(String, String)>,
    gitops: String,
    options: ChangeRequestOptions,
    name: String,
    run_url: Option<String>,
}

/// Shows at the source's commit that a promotion runs, or the reason why it failed before the edit.
pub(crate) async fn show_at_source(
    request: &DeployRequest,
    (url, commit): (&str, &str),
    failure: Option<&str>,
    context: &Context,
) {
    let DeployTarget::Remote { url: gitops, .. } = &request.target else {
        return;
    };
    if !request.commit_status || request.dry_run {
        return;
    }
    let statuses = Statuses {
        context,
        is_on: true,
        source: Some((url.to_owned(), commit.to_owned())),
        gitops: gitops.clone(),
        options: request.change_request.clone(),
        name: name_of(request),
        run_url: request.run_url.clone(),
    };
    match failure {
        None => statuses.begin().await,
        Some(text) => {
            let text = description(text);
            statuses.of_source(StatusState::Failure, text, None).await;
        }
    }
}

fn name_of(request: &DeployRequest) -> String {
    format!("promote/{}", request.environments.join("-"))
}

impl<'a> Statuses<'a> {
    /// Collects the commits that are known before the edit.
    pub(super) fn new(
        request: &DeployRequest,
        wanted: &ImagesToDeploy,
        gitops: &str,
        context: &'a Context,
    ) -> Self {
        let promoted = wanted.promoted.as_ref();
        let source = promoted.and_then(|promoted| promoted.source.as_ref());
        Self {
            context,
            is_on: request.commit_status && !request.dry_run,
            source: source.map(|source| (source.url.clone(), source.commit.clone())),
            gitops: gitops.to_owned(),
            options: request.change_request.clone(),
            name: name_of(request),
            run_url: request.run_url.clone(),
        }
    }

    /// Sets the status of a running promotion.
    pub(super) async fn begin(&self) {
        if self.is_on {
            let text = "the promotion runs".to_owned();
            self.of_source(StatusState::Pending, text, None).await;
        }
    }

    /// Sets the final status of the promotion.
    pub(super) async fn end(&self, edited: &Result<EditResult, Failure>) {
        if !self.is_on {
            return;
        }
        let done = match edited {
            Ok(done) => done,
            Err(failure) => {
                let text = description(&failure.cause());
                return self.of_source(StatusState::Failure, text, None).await;
            }
        };
        let waits = done.change_request.is_some() && !self.options.wait;
        let (progress, text) = match (waits, done.changed) {
            (true, _) => (StatusState::Pending, "a change request waits for its merge"),
            (false, true) => (StatusState::Success, "deployed"),
            (false, false) => (StatusState::Success, "deployed already"),
        };
        let page = done.change_request.clone();
        let page = page.or_else(|| {
            let forge = self.forge(&self.gitops).ok()?;
            Some(forge.commit_page(&done.commit))
        });
        if done.changed {
            let status = self.status(&done.commit, progress, text.to_owned(), page.clone());
            self.send(&self.gitops, status).await;
        }
        self.of_source(progress, text.to_owned(), page).await;
    }

    async fn of_source(&self, progress: StatusState, text: String, page: Option<String>) {
        let Some((url, commit)) = &self.source else {
            tracing::warn!("the source's commit gets no status: promoted.json does not name it");
            return;
        };
        let status = self.status(commit, progress, text, page);
        self.send(url, status).await;
    }

    fn status(
        &self,
        commit: &str,
        progress: StatusState,
        description: String,
        page: Option<String>,
    ) -> CommitStatus {
        CommitStatus {
            commit: commit.to_owned(),
            progress,
            context: self.name.clone(),
            description,
            link: self.run_url.clone().or(page),
        }
    }

    async fn send(&self, url: &str, status: CommitStatus) {
        let sent = match self.forge(url) {
            Ok(forge) => match forge.located().await {
                Ok(forge) => set(&forge, &status).await,
                Err(error) => Err(forge_failure(error)),
            },
            Err(failure) => Err(failure),
        };
        if let Err(failure) = sent {
            let commit = &status.commit;
            tracing::warn!("the commit {commit} gets no status: {failure}");
        }
    }

    /// Returns the API of a repository's host. The flags are about the GitOps repository's host.
    fn forge(&self, url: &str) -> Result<forge::Forge, Failure> {
        let origin = |url: &str| forge::web_url(url).ok().map(|url| url.origin());
        let mut options = self.options.clone();
        if origin(url) != origin(&self.gitops) {
            options.forge = None;
            options.token_file = None;
        }
        let is_named = url == self.gitops;
        forge_of(&options, url, is_named, self.context)
    }
}
