//! `completions`: shell completion scripts.

use clap::Command;
use clap_complete::{Shell, generate};

use super::Outcome;
use crate::failure::Failure;

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell that will read the script
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Never; the signature is every command's.
pub(crate) fn run(args: &Args, mut command: Command) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let name = command.get_name().to_owned();
    generate(args.shell, &mut command, name, &mut outcome.stdout);
    Ok(outcome)
}
