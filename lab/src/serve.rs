//! The servers for trying by hand, and the commands to type.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use anyhow::Result;

use crate::{
    chain::{Chain, Step},
    universe::{TAG, Universe},
};

/// Starts the servers and prints what to do with them; they end when the universe is dropped.
pub fn start(promote: &Path) -> Result<Universe> {
    crate::binary::need_git()?;
    let universe = Universe::new()?;
    universe.vouch()?;
    let dir = universe.path("data");
    fs::create_dir_all(&dir)?;
    let mut out = io::stdout().lock();
    writeln!(out, "registry     {}", universe.registry.address())?;
    writeln!(out, "  built      {}:{TAG}", universe.staging())?;
    writeln!(out, "  promoted   {}", universe.production())?;
    writeln!(out, "source       {}", universe.source_url())?;
    writeln!(out, "GitOps       {}", universe.gitops_url())?;
    writeln!(out, "policy       {}", universe.policy_url())?;
    writeln!(out, "public key   {}", universe.public_key().display())?;
    let credentials = universe.credentials();
    writeln!(out, "Git account  {}", credentials.display())?;
    writeln!(
        out,
        "\nThe five commands, each with the digest of what the one before wrote:\n"
    )?;
    let chain = Chain {
        universe: &universe,
        promote: promote.to_owned(),
        dir: dir.clone(),
        tag: TAG.to_owned(),
        more: Vec::new(),
    };
    let result = |of: Step, name: &str| format!("$(cat {}/{}/{name})", dir.display(), of.command());
    for step in Step::ALL {
        writeln!(out, "{}", command(promote, &chain.arguments(step, result)))?;
    }
    writeln!(out, "\nOr all in one:\n")?;
    writeln!(out, "{}", command(promote, &chain.run_arguments()))?;
    writeln!(out, "\nCtrl-C ends the servers and removes everything.")?;
    out.flush()?;
    drop(out);
    Ok(universe)
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
