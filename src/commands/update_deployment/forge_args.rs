//! The flags of `update-deployment` about the Git host.

use std::path::PathBuf;

use clap::ValueEnum;

use super::change_request::ChangeRequestOptions;
use crate::forge::ForgeKind;

/// Flags for change requests and commit statuses.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Git host")]
pub(super) struct ForgeArgs {
    /// Open or update a change request (merge or pull request) for --branch instead of pushing to it
    #[arg(long, conflicts_with = "local")]
    change_request: bool,
    /// The kind of Git host: gitlab, github, gitea, bitbucket, bitbucket-data-center or azure-devops [default: derived from the URL]
    #[arg(long, value_name = "KIND", value_parser = kind)]
    forge: Option<ForgeKind>,
    /// Read the token for the Git host's API from this file [default: the credentials of the repository]
    #[arg(long, value_name = "FILE")]
    forge_token_file: Option<PathBuf>,
    /// Add this label to the change request
    #[arg(long, value_name = "NAME", requires = "change_request")]
    label: Vec<String>,
    /// Request a review from this user
    ///
    /// A user name on GitLab, GitHub (ORGANISATION/TEAM for a team), Gitea and Bitbucket Data Center; a
    /// UUID in braces or account ID on Bitbucket Cloud; an ID on Azure DevOps.
    #[arg(long, value_name = "NAME", requires = "change_request")]
    reviewer: Vec<String>,
    /// Let the Git host merge the change request when its checks pass
    #[arg(long, requires = "change_request")]
    auto_merge: bool,
    /// Wait until the change request is merged, at most an hour or --timeout
    #[arg(long, value_name = "STATE", requires = "change_request")]
    wait: Option<Wait>,
    /// Set a commit status on the source commit and on the GitOps commit
    #[arg(long, conflicts_with = "local")]
    commit_status: bool,
}

/// The event to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// The merge of the change request
    Merged,
}

impl ForgeArgs {
    /// Returns the options, and whether commits get a status.
    pub(super) fn into_options(self) -> (ChangeRequestOptions, bool) {
        let options = ChangeRequestOptions {
            is_on: self.change_request,
            forge: self.forge,
            token_file: self.forge_token_file,
            labels: self.label,
            reviewers: self.reviewer,
            auto_merge: self.auto_merge,
            wait: self.wait.is_some(),
        };
        (options, self.commit_status)
    }
}

fn kind(text: &str) -> Result<ForgeKind, String> {
    text.parse()
}
