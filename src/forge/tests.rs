//! Tests URLs of repositories, and the meaning of hosts' refusals.

use super::{ForgeKind, RepositoryAddress, web_url};

/// Returns kind, API, owner and name.
fn parsed(url: &str) -> Option<(ForgeKind, String, String, String)> {
    let web = web_url(url).ok()?;
    let kind = ForgeKind::of(&web)?;
    let found = RepositoryAddress::parse(kind, &web).ok()?;
    Some((kind, found.api, found.owner, found.name))
}

/// URL, kind, API, owner and name.
const URLS: [(&str, ForgeKind, &str, &str, &str); 14] = [
    (
        "https://github.com/acme/web.git",
        ForgeKind::GitHub,
        "https://api.github.com/",
        "acme",
        "web",
    ),
    (
        "git@github.com:acme/web.git",
        ForgeKind::GitHub,
        "https://api.github.com/",
        "acme",
        "web",
    ),
    (
        "https://github.acme.example/acme/web",
        ForgeKind::GitHub,
        "https://github.acme.example/api/v3/",
        "acme",
        "web",
    ),
    (
        "https://gitlab.com/acme/team/web",
        ForgeKind::GitLab,
        "https://gitlab.com/api/v4/",
        "acme%2Fteam",
        "web",
    ),
    (
        "ssh://git@gitlab.acme.example:2222/acme/web.git",
        ForgeKind::GitLab,
        "https://gitlab.acme.example/api/v4/",
        "acme",
        "web",
    ),
    (
        "https://codeberg.org/acme/web/",
        ForgeKind::Gitea,
        "https://codeberg.org/api/v1/",
        "acme",
        "web",
    ),
    (
        "https://gitea.acme.example/git/acme/web",
        ForgeKind::Gitea,
        "https://gitea.acme.example/git/api/v1/",
        "acme",
        "web",
    ),
    (
        "https://bot@bitbucket.org/acme/web.git",
        ForgeKind::BitbucketCloud,
        "https://api.bitbucket.org/2.0/",
        "acme",
        "web",
    ),
    (
        "https://code.acme.example/scm/OPS/web.git",
        ForgeKind::BitbucketDataCenter,
        "https://code.acme.example/rest/",
        "OPS",
        "web",
    ),
    (
        "https://code.acme.example/b/scm/~bot/web.git",
        ForgeKind::BitbucketDataCenter,
        "https://code.acme.example/b/rest/",
        "~bot",
        "web",
    ),
    (
        "https://acme@dev.azure.com/acme/My%20Ops/_git/web",
        ForgeKind::AzureDevOps,
        "https://dev.azure.com/acme/My%20Ops/_apis/git/",
        "My%20Ops",
        "web",
    ),
    (
        "https://dev.azure.com/acme/_git/web",
        ForgeKind::AzureDevOps,
        "https://dev.azure.com/acme/web/_apis/git/",
        "web",
        "web",
    ),
    (
        "git@ssh.dev.azure.com:v3/acme/ops/web",
        ForgeKind::AzureDevOps,
        "https://dev.azure.com/acme/ops/_apis/git/",
        "ops",
        "web",
    ),
    (
        "https://acme.visualstudio.com/DefaultCollection/ops/_git/web",
        ForgeKind::AzureDevOps,
        "https://acme.visualstudio.com/DefaultCollection/ops/_apis/git/",
        "ops",
        "web",
    ),
];

#[test]
fn the_url_tells_the_host_and_where_its_api_is() {
    for (url, kind, api, owner, name) in URLS {
        let expected = (kind, api.to_owned(), owner.to_owned(), name.to_owned());
        assert_eq!(parsed(url), Some(expected), "{url}");
    }
}

#[test]
fn other_urls_name_no_repository() {
    for url in [
        "https://code.acme.example/acme/web",
        "https://github.com/acme",
        "https://github.com/a/b/c",
        "https://gitlab.com/web",
        "https://dev.azure.com/acme/ops/web",
        "file:///srv/web.git",
        "/srv/web.git",
    ] {
        assert_eq!(parsed(url), None, "{url}");
    }
}

#[test]
fn every_kind_is_read_as_it_is_named() {
    for (kind, name, _) in ForgeKind::ALL {
        assert_eq!(name.parse(), Ok(kind));
    }
    assert_eq!("forgejo".parse(), Ok(ForgeKind::Gitea));
    assert!("sourceforge".parse::<ForgeKind>().is_err());
}
