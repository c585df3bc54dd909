//! What Tekton gives to a step and takes from it: results. The only code that knows its limits and paths.

pub(crate) mod bundle;
mod results;

pub(crate) use results::{ResultFlag, Results};

/// Where Tekton prepares registry credentials before it copies them into the home directory,
/// which fails for a user without one.
pub(crate) fn docker_dir() -> std::path::PathBuf {
    "/tekton/creds/.docker".into()
}
