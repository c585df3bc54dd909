//! Kinds of requests, and the rights of tokens that they need, in each host's own terms.

use crate::forge::ForgeKind;

/// The kind of a request, which decides the right that its token needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::forge) enum ApiRight {
    Read,
    Write,
    Label,
    Review,
    /// Merges a change request or enables auto-merge.
    Merge,
    Status,
}

/// Describes a request in a sentence of the form "may not …".
pub(super) fn doing(right: ApiRight) -> &'static str {
    match right {
        ApiRight::Read => "look for change requests",
        ApiRight::Write => "open or change a change request",
        ApiRight::Label => "label a change request",
        ApiRight::Review => "request reviews",
        ApiRight::Merge => "merge a change request",
        ApiRight::Status => "set a commit status",
    }
}

/// Returns the right that a token needs, in the host's own terms.
pub(super) fn lacks(kind: ForgeKind, right: ApiRight) -> &'static str {
    match (kind, right) {
        (ForgeKind::GitLab, ApiRight::Read) => "the scope api (or read_api) and the role Reporter",
        (ForgeKind::GitLab, ApiRight::Merge) => {
            "the scope api and a role that may merge into the target branch"
        }
        (ForgeKind::GitLab, _) => "the scope api and the role Developer",
        (ForgeKind::GitHub, ApiRight::Read) => {
            "the permission \"Pull requests: read\" (scope repo)"
        }
        (ForgeKind::GitHub, ApiRight::Merge) => {
            "the permissions \"Pull requests: write\" and \"Contents: write\" (scope repo)"
        }
        (ForgeKind::GitHub, ApiRight::Status) => {
            "the permission \"Commit statuses: write\" (scope repo:status)"
        }
        (ForgeKind::GitHub, _) => "the permission \"Pull requests: write\" (scope repo)",
        (ForgeKind::Gitea, ApiRight::Read) => "the scope read:repository",
        (ForgeKind::Gitea, ApiRight::Label) => "the scopes write:repository and write:issue",
        (ForgeKind::Gitea, _) => {
            "the scope write:repository and the right to write to the repository"
        }
        (ForgeKind::BitbucketCloud, ApiRight::Read) => {
            "the scope pullrequest (read:pullrequest:bitbucket)"
        }
        (ForgeKind::BitbucketCloud, ApiRight::Status) => {
            "the scope repository:write (write:repository:bitbucket)"
        }
        (ForgeKind::BitbucketCloud, _) => {
            "the scope pullrequest:write (write:pullrequest:bitbucket)"
        }
        (ForgeKind::BitbucketDataCenter, ApiRight::Read | ApiRight::Status) => {
            "the permission \"Repository read\""
        }
        (ForgeKind::BitbucketDataCenter, _) => "the permission \"Repository write\"",
        (ForgeKind::AzureDevOps, ApiRight::Status) => "the scope \"Code (status)\"",
        (ForgeKind::AzureDevOps, ApiRight::Read) => "the scope \"Code (read)\"",
        (ForgeKind::AzureDevOps, _) => {
            "the scope \"Code (read & write)\" and the permission \"Contribute to pull requests\""
        }
    }
}
