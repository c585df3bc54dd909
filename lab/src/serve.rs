//! The servers for trying by hand, and the commands to type.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use anyhow::Result;

use crate::{
    chain::{CONFIG, Chain, Step},
    universe::{TAG, Universe},
};

/// Starts the servers and prints what to do with them; they end when the universe is dropped.
pub fn start(promote: &Path) -> Result<Universe> {
    crate::binary::need_git()?;
    let universe = Universe::new()?;
    universe.vouch()?;
    let dir = universe.path("data");
    fs::create_dir_all(&dir)?;
    let chain = Chain {
        universe: &universe,
        promote: promote.to_owned(),
        dir: dir.clone(),
        tag: TAG.to_owned(),
        more: Vec::new(),
    };
    fs::write(dir.join(CONFIG), chain.config())?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "# an image built from the tag {TAG}: {}:{TAG}",
        universe.staging()
    )?;
    writeln!(
        out,
        "# production takes its images from {}",
        universe.production()
    )?;
    writeln!(out, "# the source is {}", universe.source_url())?;
    writeln!(out, "# the policy is {}", universe.policy_url())?;
    writeln!(out, "# the GitOps repository is {}", universe.gitops_url())?;
    writeln!(out, "\n# For the commands of the README:")?;
    for (name, value) in variables(&universe, promote) {
        writeln!(out, "export {name}={value}")?;
    }
    writeln!(
        out,
        "\n# The five commands, each with the digest of what the one before wrote:\n"
    )?;
    let result = |of: Step, name: &str| format!("$(cat {}/{}/{name})", dir.display(), of.command());
    for step in Step::ALL {
        writeln!(out, "{}", command(promote, &chain.arguments(step, result)))?;
    }
    writeln!(out, "\n# All in one, by flags or by a file:\n")?;
    writeln!(out, "{}", command(promote, &chain.run_arguments()))?;
    writeln!(out, "{}", command(promote, &chain.config_arguments()))?;
    writeln!(out, "\n# Ctrl-C ends the servers and removes everything.")?;
    out.flush()?;
    drop(out);
    Ok(universe)
}

/// What the commands of the README are written with.
#[must_use]
pub fn variables(universe: &Universe, promote: &Path) -> [(&'static str, String); 5] {
    let beside = promote.parent().unwrap_or(Path::new("."));
    let credentials = universe.credentials().display().to_string();
    [
        ("REGISTRY", universe.registry.address()),
        ("GIT", universe.git.address()),
        ("KEY", universe.public_key().display().to_string()),
        ("PROMOTE_GIT_CREDENTIALS_DIR", credentials),
        ("PATH", format!("{}:$PATH", beside.display())),
    ]
}

/// A command line for a shell; `$(cat …)` stays a substitution.
fn command(promote: &Path, arguments: &[String]) -> String {
    let name = arguments.first().map_or("", String::as_str);
    let mut line = format!("{} {name}", promote.display());
    for argument in arguments.iter().skip(1) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.:,@%+".contains(c);
        if argument.chars().all(plain) {
            line.push_str(&format!(" \\\n  {argument}"));
        } else {
            line.push_str(&format!(" \\\n  \"{argument}\""));
        }
    }
    line
}
