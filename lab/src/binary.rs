//! Finds the `promote` to run: given, freshly built by cargo, or beside this program.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, anyhow};

/// A tool that the machine lacks or a mistake of the caller; the exit code is 2.
#[derive(Debug)]
pub struct Missing(pub String);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// Finds `promote`: the given one; started by cargo, a fresh build; else the one beside this program.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule is for the product; cargo says by this variable that it started the lab"
)]
pub fn promote(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return existing(given);
    }
    let beside = env::current_exe()
        .context("where is this program?")?
        .with_file_name("promote");
    if let Some(cargo) = env::var_os("CARGO") {
        build(&cargo)?;
    }
    existing(&beside)
}

fn existing(program: &Path) -> Result<PathBuf> {
    program.canonicalize().map_err(|error| {
        let hint = "build it by `cargo build --release` or name it by `--promote PATH`";
        anyhow!(Missing(format!("{}: {error}; {hint}", program.display())))
    })
}

fn build(cargo: &OsStr) -> Result<()> {
    let mut command = Command::new(cargo);
    // A first build takes minutes, so cargo's output is shown.
    command.args(["build", "--bin", "promote"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = command.current_dir(root).stdin(Stdio::null()).status();
    match status.context("cargo does not run")? {
        status if status.success() => Ok(()),
        status => Err(anyhow!("promote was not built: {status}")),
    }
}

/// Fails if git is not installed.
pub fn need_git() -> Result<()> {
    if crate::git::is_installed() {
        return Ok(());
    }
    Err(anyhow!(Missing(
        "git is not installed; install it by `apt install git`, `dnf install git` or `brew install git`"
            .to_owned()
    )))
}
