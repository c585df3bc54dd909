//! `commit-status`: shows at a commit on its Git host how far a promotion is.

use std::path::PathBuf;

use serde_json::Value;

use super::{Context, Outcome, failures::forge_failure};
use crate::{
    failure::{Failure, Kind},
    forge::{self, CommitStatus, Forge, StatusState},
    text,
};

/// The most characters of a description that every host takes.
const MAX_DESCRIPTION: usize = 140;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The URL of the repository with the commit
    #[arg(long, value_name = "URL")]
    git_url: String,
    /// The commit, as 40 hex digits
    #[arg(long, value_name = "COMMIT")]
    commit: String,
    /// The state to show: pending, success, failure, or a Tekton status (Succeeded, Failed, Completed, None)
    #[arg(long, value_name = "STATE", value_parser = progress, required_unless_present = "report")]
    state: Option<StatusState>,
    /// The JSON report of verify-ec: its first violation is shown, and it sets the state if --state does not
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The description to show [default: one that fits the state]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The URL of a page with details, such as the run
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// The name of the status; a later status with the same name replaces it
    #[arg(long, value_name = "NAME", default_value = "promote")]
    context: String,
    /// The kind of Git host: gitlab, github, gitea, bitbucket, bitbucket-data-center or azure-devops [default: derived from the URL]
    #[arg(long, value_name = "KIND", value_parser = kind)]
    forge: Option<forge::ForgeKind>,
    /// Read the token for the Git host's API from this file [default: the credentials of the repository]
    #[arg(long, value_name = "FILE")]
    forge_token_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Usage`] for a token that is missing or lacks a right, [`Kind::NotFound`] for an unknown
/// commit, [`Kind::Remote`] for a host that fails.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if !text::is_commit(&args.commit) {
        let message = format!("{:?} is not a commit: expected 40 hex digits", args.commit);
        return Err(Failure::message(Kind::Usage, message));
    }
    let token = match &args.forge_token_file {
        Some(path) => Some(token(path, context)?),
        None => None,
    };
    if let Ok(web) = forge::web_url(&args.git_url) {
        context.git.trust_with_credentials(web.as_str());
    }
    let forge = Forge::new(
        &context.git,
        &context.http,
        &args.git_url,
        args.forge,
        token,
    );
    let forge = forge.map_err(forge_failure)?;
    let forge = forge.located().await.map_err(forge_failure)?;
    let violation = match &args.report {
        Some(path) => Some(first_violation(path, context, args.state.is_some())?),
        None => None,
    };
    let violation = violation.flatten();
    let progress = args.state.unwrap_or(match violation {
        Some(_) => StatusState::Failure,
        None => StatusState::Success,
    });
    let shown = args.description.or(violation).unwrap_or_else(|| {
        let text = match progress {
            StatusState::Pending => "the promotion runs",
            StatusState::Success => "promoted",
            StatusState::Failure => "the promotion failed",
        };
        text.to_owned()
    });
    let status = CommitStatus {
        commit: args.commit,
        progress,
        context: args.context,
        description: description(&shown),
        link: args.link,
    };
    set(&forge, &status).await?;
    Ok(Outcome::default())
}

/// Sets a status.
///
/// # Errors
/// As [`run`].
pub(crate) async fn set(forge: &Forge, status: &CommitStatus) -> Result<(), Failure> {
    forge.set_status(status).await.map_err(forge_failure)
}

/// Returns a text as the description of a status: one line of at most 140 characters.
pub(crate) fn description(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let line = text::line(first);
    let mut cut: String = line.chars().take(MAX_DESCRIPTION).collect();
    if cut.len() < line.len() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// Reads the file with a token.
///
/// # Errors
/// [`Kind::NotFound`] and [`Kind::Usage`].
pub(crate) fn token(path: &std::path::Path, context: &Context) -> Result<forge::ApiToken, Failure> {
    let bytes = context.read(path)?;
    let secret = String::from_utf8_lossy(&bytes).trim().to_owned();
    let origin = path.display().to_string();
    if secret.is_empty() {
        return Err(Failure::message(Kind::Usage, format!("{origin} is empty")));
    }
    Ok(forge::ApiToken { secret, origin })
}

/// Returns the first violation of a report; `None` with a given state and a report that was never
/// written.
fn first_violation(
    path: &std::path::Path,
    context: &Context,
    may_be_missing: bool,
) -> Result<Option<String>, Failure> {
    let bytes = match context.read(path) {
        Ok(bytes) => bytes,
        Err(failure) if may_be_missing && failure.kind() == Kind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let wrong = |reason: &str| {
        let text = format!("{} is not a JSON report: {reason}", path.display());
        Failure::message(Kind::Usage, text)
    };
    let report: Value =
        serde_json::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))?;
    let components = report["components"].as_array();
    let components = components.ok_or_else(|| wrong("it has no components"))?;
    let mut violations = components
        .iter()
        .filter_map(|component| component["violations"].as_array())
        .flatten();
    let first = violations.next();
    if first.is_none() && report["success"] != true {
        return Ok(Some("refused".to_owned()));
    }
    Ok(first.map(|violation| {
        let message = violation["msg"]
            .as_str()
            .unwrap_or("a rule refused the image");
        match violation["metadata"]["code"].as_str() {
            Some(code) => format!("{code}: {message}"),
            None => message.to_owned(),
        }
    }))
}

fn kind(text: &str) -> Result<forge::ForgeKind, String> {
    text.parse()
}

fn progress(text: &str) -> Result<StatusState, String> {
    match text.to_ascii_lowercase().as_str() {
        "pending" => Ok(StatusState::Pending),
        "success" | "succeeded" | "completed" => Ok(StatusState::Success),
        "failure" | "failed" | "none" => Ok(StatusState::Failure),
        _ => Err("expected pending, success or failure".to_owned()),
    }
}
