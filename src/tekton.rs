//! Tekton's interface to a step: its results and directories. The only module with Tekton's limits and paths.

pub(crate) mod bundle;
mod results;

pub(crate) use results::{ResultFlag, Results};

/// The directory where Tekton prepares registry credentials before it copies them into the home directory,
/// which fails for a user without one.
pub(crate) fn docker_dir() -> std::path::PathBuf {
    "/tekton/creds/.docker".into()
}
