//! `ec version`.

use serde_json::json;

use super::Outcome;
use crate::failure::Failure;

/// What reports and `ec version` name as the version.
pub(super) const VERSION: &str = concat!("promote ", env!("CARGO_PKG_VERSION"));

/// Flags of `ec version`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long, short = 'j')]
    json: bool,
    /// Print the version alone
    #[arg(long, short = 's')]
    short: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let stdout = match (args.json, args.short) {
        (true, _) => format!("{}\n", json!({"Version": VERSION, "Components": []})),
        (false, true) => VERSION.to_owned(),
        (false, false) => format!("{:<16}{VERSION}\n", "Version"),
    };
    Ok(Outcome {
        stdout: stdout.into_bytes(),
        ..Outcome::default()
    })
}
