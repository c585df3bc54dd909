//! Kinds of requests, and the rights of tokens that they need, in each host's own terms.

use crate::forge::Kind;

/// The kind of a request, which decides the right that its token needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::forge) enum Right {
    Read,
    Write,
    Label,
    Review,
    /// Merges a change request or enables auto-merge.
    Merge,
    Status,
}

/// Describes a request in a sentence of the form "may not …".
pub(super) fn doing(right: Right) -> &'static str {
    match right {
        Right::Read => "look for change requests",
        Right::Write => "open or change a change request",
        Right::Label => "label a change request",
        Right::Review => "request reviews",
        Right::Merge => "merge a change request",
        Right::Status => "set a commit status",
    }
}

/// Returns the right that a token needs, in the host's own terms.
pub(super) fn lacks(kind: Kind, right: Right) -> &'static str {
    match (kind, right) {
        (Kind::GitLab, Right::Read) => "the scope api (or read_api) and the role Reporter",
        (Kind::GitLab, Right::Merge) => {
            "the scope api and a role that may merge into the target branch"
        }
        (Kind::GitLab, _) => "the scope api and the role Developer",
        (Kind::GitHub, Right::Read) => "the permission \"Pull requests: read\" (scope repo)",
        (Kind::GitHub, Right::Merge) => {
            "the permissions \"Pull requests: write\" and \"Contents: write\" (scope repo)"
        }
        (Kind::GitHub, Right::Status) => {
            "the permission \"Commit statuses: write\" (scope repo:status)"
        }
        (Kind::GitHub, _) => "the permission \"Pull requests: write\" (scope repo)",
        (Kind::Gitea, Right::Read) => "the scope read:repository",
        (Kind::Gitea, Right::Label) => "the scopes write:repository and write:issue",
        (Kind::Gitea, _) => "the scope write:repository and the right to write to the repository",
        (Kind::BitbucketCloud, Right::Read) => "the scope pullrequest (read:pullrequest:bitbucket)",
        (Kind::BitbucketCloud, Right::Status) => {
            "the scope repository:write (write:repository:bitbucket)"
        }
        (Kind::BitbucketCloud, _) => "the scope pullrequest:write (write:pullrequest:bitbucket)",
        (Kind::BitbucketDataCenter, Right::Read | Right::Status) => {
            "the permission \"Repository read\""
        }
        (Kind::BitbucketDataCenter, _) => "the permission \"Repository write\"",
        (Kind::AzureDevOps, Right::Status) => "the scope \"Code (status)\"",
        (Kind::AzureDevOps, Right::Read) => "the scope \"Code (read)\"",
        (Kind::AzureDevOps, _) => {
            "the scope \"Code (read & write)\" and the permission \"Contribute to pull requests\""
        }
    }
}
