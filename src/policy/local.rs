//! Restricts the local files that policy sources may read.
//!
//! The author of a policy can print everything that its rules see, or send it away in the name of a lookup. So only a
//! configuration that is a local file may name local paths, only below its own directory, and no policy source may
//! contain credentials of this run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    config::PolicySpec,
    source::{Error, SourceAddress},
};
use crate::env::Env;

/// Why a link is not followed.
pub(super) const LEADS_OUT: &str = "the link leads out of the policy";
/// Why a file is not opened.
pub(super) const NOT_REGULAR: &str = "not a regular file";
/// Why a path is not read.
const CREDENTIALS: &str = "it contains credentials of this run, which no policy may read";

/// The directories where pods mount secrets, and Tekton's own.
const MOUNTED: [&str; 3] = ["/var/run/secrets", "/run/secrets", "/tekton"];
/// The directories and files below the home directory where tools store credentials.
const AT_HOME: [&str; 8] = [
    ".docker",
    ".config/containers",
    ".git-credentials",
    ".config/git/credentials",
    ".ssh",
    ".gnupg",
    ".kube",
    ".sigstore",
];

/// Tells whether a link stays below the directory.
///
/// # Errors
/// The link or the directory cannot be resolved.
pub(super) fn leads_inside(root: &Path, link: &Path) -> io::Result<bool> {
    Ok(fs::canonicalize(link)?.starts_with(fs::canonicalize(root)?))
}

/// The local paths that a configuration may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum LocalReach {
    /// No path, because the configuration is not a local file.
    #[default]
    Nothing,
    /// Paths below the directory of the configuration.
    Below(PathBuf),
    /// The path that the user named, without a configuration.
    Named,
}

/// The restriction of the local paths in a configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Paths {
    /// Only paths that the place of the configuration allows.
    #[default]
    Own,
    /// Any path, as in Conforma's `ec`; a warning names those that are otherwise refused.
    Any,
}

impl PolicySpec {
    /// Resolves the local paths among the sources.
    ///
    /// # Errors
    /// [`Error::Local`] for a path that the configuration must not name.
    pub(crate) fn bind_local(&mut self, paths: Paths) -> Result<(), Error> {
        let reach = self.local.clone();
        let groups = self.sources.iter_mut();
        for text in groups.flat_map(|group| group.policy.iter_mut().chain(&mut group.data)) {
            match (reach.resolve(text), paths) {
                (Ok(None), _) => {}
                (Ok(Some(path)), Paths::Own) => *text = path,
                (Ok(Some(_)), Paths::Any) => {}
                (Err(error), Paths::Own) => return Err(error),
                (Err(error), Paths::Any) => {
                    tracing::warn!("{error}: ec reads it, verify-ec refuses it");
                }
            }
        }
        Ok(())
    }
}

impl LocalReach {
    /// Returns the source with its path resolved; `None` if it is not local or does not change.
    fn resolve(&self, text: &str) -> Result<Option<String>, Error> {
        let outside = |reason: String| Error::Local {
            origin: text.to_owned(),
            reason,
        };
        let known = match SourceAddress::parse(text) {
            Ok(SourceAddress::File(path)) => Some(path),
            Ok(SourceAddress::Git(git)) => local_repository(&git.url),
            Ok(SourceAddress::Http(_) | SourceAddress::Oci(_)) => return Ok(None),
            // It may be a path relative to the configuration.
            Err(_) => None,
        };
        let dir = match self {
            Self::Named => return Ok(None),
            Self::Nothing if known.is_none() => return Ok(None),
            Self::Nothing => {
                let reason = "a local path is taken only from a configuration that is a local file";
                return Err(outside(reason.to_owned()));
            }
            Self::Below(dir) => dir,
        };
        let is_repository = text.starts_with("git::");
        let root = fs::canonicalize(dir).map_err(|error| outside(error.to_string()))?;
        let seen = known.clone().unwrap_or_else(|| PathBuf::from(text));
        let mut is_there = false;
        for (at, path) in [seen.clone(), dir.join(&seen)].iter().enumerate() {
            let Ok(real) = fs::canonicalize(path) else {
                continue;
            };
            is_there = true;
            if real.starts_with(&root) {
                // A repository keeps its revision and directory, and the path as it was written.
                let moved = at > 0 && !is_repository;
                let plain: PathBuf = path.components().collect();
                return Ok(moved.then(|| format!("file::{}", plain.display())));
            }
        }
        match is_there {
            true => Err(outside(format!(
                "the path is not below {}, the directory of the configuration",
                dir.display()
            ))),
            // It does not exist, which fetching reports.
            false => Ok(None),
        }
    }
}

/// Returns the local path of a repository's URL; `None` for a remote one.
fn local_repository(url: &str) -> Option<PathBuf> {
    match url.split_once("://") {
        Some(("file", path)) => Some(PathBuf::from(path)),
        Some(_) => None,
        None => Some(PathBuf::from(url)),
    }
}

/// The files and directories that no policy source may read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden(Vec<PathBuf>);

impl Hidden {
    /// Collects the files with this run's credentials, and the usual ones of tools and pods.
    pub(crate) fn new(own: Vec<PathBuf>, env: &Env) -> Self {
        let mut all = own;
        all.extend(MOUNTED.iter().map(PathBuf::from));
        if let Some(home) = env.home() {
            all.extend(AT_HOME.iter().map(|name| home.join(name)));
        }
        for (name, below) in [
            ("DOCKER_CONFIG", ""),
            ("REGISTRY_AUTH_FILE", ""),
            ("KUBECONFIG", ""),
            ("XDG_RUNTIME_DIR", "containers"),
            ("XDG_CONFIG_HOME", "containers"),
        ] {
            let found = env.get(name).filter(|value| !value.is_empty());
            all.extend(found.map(|value| Path::new(value).join(below)));
        }
        // A path that does not exist is dropped; one that cannot be resolved is compared as it is.
        Self(
            all.into_iter()
                .map(|path| fs::canonicalize(&path).unwrap_or(path))
                .collect(),
        )
    }

    /// Refuses a path at or below a hidden one.
    ///
    /// # Errors
    /// The path is hidden or cannot be resolved.
    pub(super) fn check(&self, path: &Path) -> io::Result<()> {
        let real = fs::canonicalize(path)?;
        match self.0.iter().any(|hidden| real.starts_with(hidden)) {
            true => Err(io::Error::new(io::ErrorKind::PermissionDenied, CREDENTIALS)),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(reach: LocalReach, source: &str) -> Result<String, Error> {
        let mut spec = PolicySpec::of_policy(source.to_owned());
        spec.local = reach;
        spec.bind_local(Paths::Own)?;
        Ok(spec.sources[0].policy[0].clone())
    }

    #[test]
    fn a_configuration_names_paths_below_its_directory_only() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("team"), dir.path().join("other"));
        for path in [inside.join("rules"), outside.clone(), inside.join(".git")] {
            fs::create_dir_all(path).unwrap();
        }
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        let below = || LocalReach::Below(inside.clone());
        let text = |path: PathBuf| path.display().to_string();
        let rules = text(inside.join("rules"));
        assert_eq!(bound(below(), &rules).unwrap(), rules);
        let seen_from_it = bound(below(), "./rules").unwrap();
        assert_eq!(
            seen_from_it,
            format!("file::{}", inside.join("rules").display())
        );
        assert_eq!(
            bound(below(), "rules").unwrap(),
            format!("file::{}", inside.join("rules").display())
        );
        for path in [
            text(outside.clone()),
            text(inside.join("../other")),
            text(inside.join("link")),
            format!("git::{}", outside.display()),
            format!("git::file://{}", outside.display()),
            format!("file::{}", outside.display()),
        ] {
            let refused = bound(below(), &path);
            assert!(matches!(refused, Err(Error::Local { .. })), "{path}");
        }
        for path in [text(outside), rules, "./src".to_owned(), "src".to_owned()] {
            let refused = bound(LocalReach::Nothing, &path);
            assert!(matches!(refused, Err(Error::Local { .. })), "{path}");
            assert_eq!(bound(LocalReach::Named, &path).unwrap(), path);
        }
    }

    #[test]
    fn sources_elsewhere_are_left_as_they_are() {
        for text in [
            "git::https://git.example/p.git//dir?ref=v1",
            "github.com/acme/policy//dir",
            "oci::registry.example/policy:v1",
            "https://policies.example/p.rego",
        ] {
            for reach in [
                LocalReach::Nothing,
                LocalReach::Below("/".into()),
                LocalReach::Named,
            ] {
                assert_eq!(bound(reach, text).unwrap(), text);
            }
        }
    }

    #[test]
    fn places_of_credentials_are_hidden() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        for path in [
            home.join(".docker"),
            dir.path().join("git"),
            dir.path().join("p"),
        ] {
            fs::create_dir_all(path).unwrap();
        }
        let env = Env::from([("HOME", home.to_str().unwrap())]);
        let hidden = Hidden::new(vec![dir.path().join("git")], &env);
        std::os::unix::fs::symlink(home.join(".docker"), dir.path().join("p/link")).unwrap();
        for path in ["home/.docker", "git", "p/link"] {
            assert!(hidden.check(&dir.path().join(path)).is_err(), "{path}");
        }
        for path in ["home", "p"] {
            assert!(hidden.check(&dir.path().join(path)).is_ok(), "{path}");
        }
    }
}
