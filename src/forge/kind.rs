//! Kinds of Git hosts, and their recognition by URL.

use std::{fmt, str::FromStr};

use crate::http::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForgeKind {
    GitLab,
    GitHub,
    Gitea,
    BitbucketCloud,
    /// Bitbucket Data Center, on a self-managed host.
    BitbucketDataCenter,
    AzureDevOps,
}

impl ForgeKind {
    /// Every kind with its command-line name and its display name.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::GitLab, "gitlab", "GitLab"),
        (Self::GitHub, "github", "GitHub"),
        (Self::Gitea, "gitea", "Gitea"),
        (Self::BitbucketCloud, "bitbucket", "Bitbucket Cloud"),
        (
            Self::BitbucketDataCenter,
            "bitbucket-data-center",
            "Bitbucket Data Center",
        ),
        (Self::AzureDevOps, "azure-devops", "Azure DevOps"),
    ];

    /// Returns the kind of host, as far as the URL of a repository's page determines it.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.to_ascii_lowercase();
        let path = url.path();
        let named = |part: &str| host.contains(part);
        if host == "bitbucket.org" {
            return Some(Self::BitbucketCloud);
        }
        if host == "dev.azure.com" || host.ends_with(".visualstudio.com") || path.contains("/_git/")
        {
            return Some(Self::AzureDevOps);
        }
        if path.contains("/scm/") || named("bitbucket") || named("stash") {
            return Some(Self::BitbucketDataCenter);
        }
        if named("gitlab") {
            return Some(Self::GitLab);
        }
        if named("github") {
            return Some(Self::GitHub);
        }
        let gitea = ["gitea", "forgejo", "codeberg.org"];
        gitea.iter().any(|part| named(part)).then_some(Self::Gitea)
    }

    /// Tells whether change requests may have labels.
    pub(super) fn has_labels(self) -> bool {
        !matches!(self, Self::BitbucketCloud | Self::BitbucketDataCenter)
    }
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(kind, ..)| kind == self);
        f.write_str(found.map_or("", |(_, _, name)| name))
    }
}

impl FromStr for ForgeKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = match text {
            "forgejo" => "gitea",
            "azure" => "azure-devops",
            text => text,
        };
        let found = Self::ALL.iter().find(|(_, name, _)| *name == text);
        found.map(|(kind, ..)| *kind).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(_, name, _)| *name).collect();
            format!("expected one of {}", names.join(", "))
        })
    }
}
