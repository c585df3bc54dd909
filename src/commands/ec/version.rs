//! `ec version`: prints the version of this program in the format of `ec`.

use serde_json::json;

use super::Outcome;
use crate::failure::Failure;

/// The version in reports and in `ec version`.
pub(super) const VERSION: &str = concat!("promote ", env!("CARGO_PKG_VERSION"));

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the version as a JSON object
    #[arg(long, short = 'j')]
    json: bool,
    /// Print only the version number
    #[arg(long, short = 's')]
    short: bool,
}

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
