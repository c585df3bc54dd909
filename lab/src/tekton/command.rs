//! `lab tekton run FILE…`: the runner on the command line.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};

use super::{Run, Show};

/// Run Task, Pipeline and PipelineRun files on this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Task, Pipeline and PipelineRun files; a Task alone needs no Pipeline
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Give a param its value; repeat it for the items of a list
    #[arg(long, short, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Bind a workspace to a directory, in place of a volume or Secret
    #[arg(long, short, value_name = "NAME=DIR")]
    workspace: Vec<String>,
    /// Add a variable to every pod
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Fill {{ git_tag }} and its like from the recorded webhook of a tag push
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Write status.json, taskruns/ and logs/ into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the files with a program in place of `/usr/bin/promote`: 0 when all went well, 1 when a Task failed.
///
/// # Errors
/// When the files or values were refused before anything ran.
pub fn run(args: &Args, promote: PathBuf, colour: bool) -> Result<ExitCode> {
    let mut run = Run::new(&args.files)
        .promote(promote)
        .show(Show::suited(), colour);
    for text in &args.param {
        let (name, value) = pair(text)?;
        run = run.param(name, value);
    }
    for text in &args.workspace {
        let (name, dir) = pair(text)?;
        run = run.workspace(name, dir);
    }
    for text in &args.env {
        let (name, value) = pair(text)?;
        run = run.env(name, value);
    }
    if let Some(path) = &args.event {
        let body = fs::read_to_string(path);
        run = run.event(body.with_context(|| format!("cannot read {}", path.display()))?);
    }
    if let Some(out) = &args.out {
        run = run.out(out);
    }
    let status = run.run()?;
    Ok(if status.succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn pair(text: &str) -> Result<(&str, &str)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => bail!("{text}: expected NAME=VALUE"),
    }
}
