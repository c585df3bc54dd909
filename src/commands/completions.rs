//! `completions`: shell completion scripts, for each name of the program.
//!
//! Behind `ec` the script offers the commands and flags of `ec`, and none of the global ones, which it refuses.

use clap::{Arg, Command};
use clap_complete::{Shell, generate};

use super::Outcome;
use crate::failure::{Failure, Kind};

/// The names by which the image links this program, besides its own and `ec`.
const APPLETS: [&str; 6] = [
    "extract-tag",
    "gather-images",
    "plan-release",
    "verify-ec",
    "copy-image",
    "update-deployment",
];
const DROP_IN: &str = "ec";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell that will read the script
    shell: Shell,
    /// Complete only this program name: promote, ec, or a command under which the program is linked [default: all]
    #[arg(long, value_name = "PROGRAM")]
    name: Option<String>,
}

/// Prints the script.
///
/// # Errors
/// [`Kind::Usage`] for a name that the program does not have.
pub(crate) fn run(args: &Args, command: Command, ec: &Command) -> Result<Outcome, Failure> {
    let own = command.get_name().to_owned();
    let names = [own.as_str(), DROP_IN].into_iter().chain(APPLETS);
    let names: Vec<_> = match &args.name {
        None => names.collect(),
        Some(name) => {
            let known = names.clone().find(|known| known == name);
            vec![known.ok_or_else(|| {
                let names: Vec<_> = names.collect();
                let text = format!("--name {name}: expected one of {}", names.join(", "));
                Failure::message(Kind::Usage, text)
            })?]
        }
    };
    let mut outcome = Outcome::default();
    for name in names {
        let mut tree = match name {
            DROP_IN => ec.clone(),
            name if name == own => with_ec(&command, ec),
            applet => linked(&command, applet)?,
        };
        generate(args.shell, &mut tree, name, &mut outcome.stdout);
    }
    Ok(outcome)
}

/// Returns the command with the whole tree of `ec`, which does not inherit the global flags.
fn with_ec(command: &Command, ec: &Command) -> Command {
    let mut command = command.clone();
    command.build();
    let mut tree = ec.clone();
    tree.build();
    let path = format!("{} {DROP_IN}", command.get_name());
    command.mut_subcommand(DROP_IN, |_| with_script_names(tree, &path))
}

/// Renames a command and those below it as completion scripts look them up.
fn with_script_names(command: Command, path: &str) -> Command {
    let below: Vec<_> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    let command = command.bin_name(path.to_owned());
    below.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(name, |below| with_script_names(below, &path))
    })
}

/// Returns a command as it is called by its own name: with the global flags as its own.
fn linked(command: &Command, name: &str) -> Result<Command, Failure> {
    let missing = || Failure::message(Kind::Bug, format!("{name} is not a command"));
    let found = command.find_subcommand(name).ok_or_else(missing)?;
    let global = command
        .get_arguments()
        .filter(|argument| argument.is_global_set());
    let global = global.cloned().map(|argument: Arg| argument.global(false));
    Ok(found.clone().args(global))
}
