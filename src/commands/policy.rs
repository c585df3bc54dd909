//! `policy check`, `policy test` and `policy list`: tools for policy authors.

mod check;
mod list;
mod test;

use std::path::PathBuf;

use super::{Context, Outcome};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    policy::rego::files::{FilesError, PolicyFiles},
};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    /// Parse and compile the policies in files and directories
    ///
    /// Applies the checks of verify-ec. Each mistake is shown with its file, line and column, and the exit code is then 2.
    #[command(after_help = "Example:\n  promote policy check policies/release")]
    Check(check::Args),
    /// Run the unit tests of a policy: rules named test_
    ///
    /// Functions ec.* can be replaced by `with`; unless a test does so, those that would read a
    /// registry are undefined. The last line is `N passed, N failed`; the exit code is 4 when one fails.
    #[command(
        after_help = "Example:\n  promote policy test policies/release --run sbom --coverage"
    )]
    Test(test::Args),
    /// List the rules of a policy with code, title, collections and effective date
    ///
    /// Applies the checks of verify-ec.
    #[command(
        after_help = "Example:\n  promote policy list github.com/conforma/policy//policy/release github.com/conforma/policy//policy/lib"
    )]
    List(list::Args),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PolicyFormat {
    Text,
    Json,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Usage`] for policies that cannot be used, [`Kind::NotFound`] for paths without any.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    // Parsing and evaluating block.
    let work = match args.command {
        PolicyCommand::Check(args) => tokio::task::spawn_blocking(move || check::run(&args)),
        PolicyCommand::Test(args) => tokio::task::spawn_blocking(move || test::run(&args)),
        PolicyCommand::List(args) => {
            let modules = list::fetch(&args, context).await?;
            tokio::task::spawn_blocking(move || list::run(&args, modules))
        }
    };
    work.await.or_fail(Kind::Bug)?
}

/// Reads policies and data from files and directories.
fn read(paths: &[PathBuf]) -> Result<PolicyFiles, Failure> {
    PolicyFiles::read(paths).map_err(|error| {
        let missing = match &error {
            FilesError::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                Some(format!("{} does not exist", path.display()))
            }
            _ => None,
        };
        match missing {
            Some(text) => Failure::message(Kind::NotFound, text),
            None => Failure::new(Kind::Usage, error),
        }
    })
}
