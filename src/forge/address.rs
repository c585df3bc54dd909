//! Parses the URL of a repository, and derives the URL of its host's API.

use super::{Error, ForgeKind};
use crate::http::Url;

/// The parts of a repository's URL, encoded for requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryAddress {
    /// The repository's page, without `.git`.
    pub(super) web: Url,
    /// The prefix of every URL of the API, ending in a slash.
    pub(super) api: String,
    /// The owner, workspace, project or group, encoded for a URL.
    pub(super) owner: String,
    /// The name of the repository, encoded for a URL.
    pub(super) name: String,
}

/// Returns the URL of a repository's page for any of its Git URLs, without user and `.git`.
///
/// # Errors
/// [`Error::Address`].
pub(crate) fn web_url(repository: &str) -> Result<Url, Error> {
    let wrong = || Error::Address {
        url: repository.to_owned(),
        kind: "a Git host",
        expected: "https://HOST/PATH or git@HOST:PATH",
    };
    let text = match repository.split_once("://") {
        Some(("ssh", rest)) => {
            let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
            let host = host.rsplit('@').next().unwrap_or_default();
            let host = host.split(':').next().unwrap_or_default();
            format!("https://{host}/{path}")
        }
        Some(_) => repository.to_owned(),
        None => {
            let (host, path) = repository.split_once(':').ok_or_else(wrong)?;
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("https://{host}/{path}")
        }
    };
    let mut url = Url::parse(&text).map_err(|_| wrong())?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    if !is_web || url.set_username("").is_err() || url.set_password(None).is_err() {
        return Err(wrong());
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(of_azure_ssh(&url).unwrap_or(url))
}

/// Converts `ssh.dev.azure.com/v3/ORG/PROJECT/REPO` to the URL of its page.
fn of_azure_ssh(url: &Url) -> Option<Url> {
    if url.host_str() != Some("ssh.dev.azure.com") {
        return None;
    }
    let parts: Vec<_> = url.path_segments()?.collect();
    match parts.as_slice() {
        ["v3", organisation, project, name] => {
            let text = format!("https://dev.azure.com/{organisation}/{project}/_git/{name}");
            Url::parse(&text).ok()
        }
        _ => None,
    }
}

impl RepositoryAddress {
    /// Splits the URL of a repository's page into its parts.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub(super) fn parse(kind: ForgeKind, web: &Url) -> Result<Self, Error> {
        let parts = web.path_segments().into_iter().flatten();
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        let origin = web.origin().ascii_serialization();
        let found = match kind {
            ForgeKind::GitLab => of_gitlab(&origin, &parts, 0),
            ForgeKind::GitHub => {
                let is_public = web.host_str() == Some("github.com");
                let api = is_public.then_some("https://api.github.com/");
                of_pair(&origin, &parts, api, "api/v3/")
            }
            ForgeKind::Gitea => of_pair(&origin, &parts, None, "api/v1/"),
            ForgeKind::BitbucketCloud => {
                let is_public = web.host_str() == Some("bitbucket.org");
                let api = is_public.then_some("https://api.bitbucket.org/2.0/");
                of_pair(&origin, &parts, api, "2.0/")
            }
            ForgeKind::BitbucketDataCenter => of_data_center(&origin, &parts),
            ForgeKind::AzureDevOps => of_azure(web, &origin, &parts),
        };
        let (api, owner, name) = found.ok_or_else(|| Error::Address {
            url: web.to_string(),
            kind: name_of(kind),
            expected: shape_of(kind),
        })?;
        Ok(Self {
            web: web.clone(),
            api,
            owner,
            name,
        })
    }

    /// Returns how many names precede the project's and its group's: at most these belong to a root.
    pub(super) fn names_before(&self) -> usize {
        match self.owner.matches("%2F").count() {
            0 => 0,
            more => more + 1,
        }
    }

    /// Returns the same GitLab project with its first names as the root of the instance.
    pub(super) fn below(&self, names: usize) -> Option<Self> {
        let parts = self.web.path_segments()?;
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        let origin = self.web.origin().ascii_serialization();
        let (api, owner, name) = of_gitlab(&origin, &parts, names)?;
        Some(Self {
            web: self.web.clone(),
            api,
            owner,
            name,
        })
    }

    /// Returns the URL of the page of a commit.
    pub(super) fn commit_page(&self, kind: ForgeKind, commit: &str) -> String {
        let web = self.web.as_str();
        match kind {
            ForgeKind::GitLab => format!("{web}/-/commit/{commit}"),
            ForgeKind::BitbucketCloud => format!("{web}/commits/{commit}"),
            ForgeKind::BitbucketDataCenter => {
                let base = self.api.trim_end_matches("rest/");
                format!(
                    "{base}projects/{}/repos/{}/commits/{commit}",
                    self.owner, self.name
                )
            }
            ForgeKind::GitHub | ForgeKind::Gitea | ForgeKind::AzureDevOps => {
                format!("{web}/commit/{commit}")
            }
        }
    }
}

type Found = Option<(String, String, String)>;

/// Parses `[ROOT/]GROUP/…/NAME`, with a root of `root` names.
fn of_gitlab(origin: &str, parts: &[&str], root: usize) -> Found {
    let (name, before) = parts.split_last()?;
    let (root, groups) = before.split_at_checked(root)?;
    (!groups.is_empty()).then(|| {
        let root: String = root.iter().map(|part| format!("{part}/")).collect();
        let api = format!("{origin}/{root}api/v4/");
        (api, groups.join("%2F"), (*name).to_owned())
    })
}

/// Parses `[PREFIX/]OWNER/NAME`; the API is below the prefix.
fn of_pair(origin: &str, parts: &[&str], api: Option<&str>, below: &str) -> Found {
    let [prefix @ .., owner, name] = parts else {
        return None;
    };
    let prefix: String = prefix.iter().map(|part| format!("{part}/")).collect();
    let api = match api {
        Some(_) if !prefix.is_empty() => return None,
        Some(api) => api.to_owned(),
        None => format!("{origin}/{prefix}{below}"),
    };
    Some((api, (*owner).to_owned(), (*name).to_owned()))
}

/// Parses `[PREFIX/]scm/PROJECT/NAME`, `[PREFIX/]projects/PROJECT/repos/NAME`, or for SSH `PROJECT/NAME`.
fn of_data_center(origin: &str, parts: &[&str]) -> Found {
    let (prefix, owner, name) = match parts {
        [prefix @ .., "scm", owner, name]
        | [prefix @ .., "projects", owner, "repos", name]
        | [prefix @ .., "projects", owner, "repos", name, "browse"] => {
            (prefix, (*owner).to_owned(), name)
        }
        [prefix @ .., "users", owner, "repos", name] => (prefix, format!("~{owner}"), name),
        [owner, name] => (&[][..], (*owner).to_owned(), name),
        _ => return None,
    };
    let prefix: String = prefix.iter().map(|part| format!("{part}/")).collect();
    Some((format!("{origin}/{prefix}rest/"), owner, (*name).to_owned()))
}

/// Parses `[PREFIX/][PROJECT/]_git/NAME`: a repository with the name of its project omits the project.
fn of_azure(web: &Url, origin: &str, parts: &[&str]) -> Found {
    let [before @ .., "_git", name] = parts else {
        return None;
    };
    let is_old = web
        .host_str()
        .is_some_and(|host| host.ends_with(".visualstudio.com"));
    let without_project = match is_old {
        true => before.iter().all(|part| *part == "DefaultCollection"),
        false => before.len() < 2,
    };
    let (prefix, project) = match (without_project, before) {
        (true, prefix) => (prefix, name),
        (false, [prefix @ .., project]) => (prefix, project),
        (false, []) => return None,
    };
    let prefix: String = prefix.iter().map(|part| format!("{part}/")).collect();
    let api = format!("{origin}/{prefix}{project}/_apis/git/");
    Some((api, (*project).to_owned(), (*name).to_owned()))
}

fn name_of(kind: ForgeKind) -> &'static str {
    let found = ForgeKind::ALL.iter().find(|(own, ..)| *own == kind);
    found.map_or("", |(_, _, name)| name)
}

fn shape_of(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::GitLab => "https://HOST/GROUP/NAME",
        ForgeKind::GitHub | ForgeKind::Gitea => "https://HOST/OWNER/NAME",
        ForgeKind::BitbucketCloud => "https://bitbucket.org/WORKSPACE/NAME",
        ForgeKind::BitbucketDataCenter => "https://HOST/scm/PROJECT/NAME.git",
        ForgeKind::AzureDevOps => "https://dev.azure.com/ORGANISATION/PROJECT/_git/NAME",
    }
}
