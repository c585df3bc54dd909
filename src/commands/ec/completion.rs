//! `ec completion`: the completion script of `ec` itself.

use clap_complete::{Shell, generate};

use super::Outcome;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell that will read the script
    shell: Shell,
    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    no_descriptions: bool,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    generate(args.shell, &mut super::command(), "ec", &mut outcome.stdout);
    Ok(outcome)
}
