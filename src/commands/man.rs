//! `man`: manual pages.

use std::path::PathBuf;

use clap::Command;
use clap_mangen::Man;

use super::{Outcome, files::write_file};
use crate::failure::{Failure, Kind, OrFail as _};

/// Flags of `man`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write one page for each command into this directory, instead of the main page to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the main page or writes all pages.
///
/// # Errors
/// [`Kind::Usage`] when a page cannot be written.
pub(crate) fn run(args: &Args, mut command: Command) -> Result<Outcome, Failure> {
    command.build();
    let mut outcome = Outcome::default();
    match &args.dir {
        None => outcome.stdout = page(command)?,
        Some(dir) => {
            for (name, page) in pages(command, "")? {
                write_file(&dir.join(format!("{name}.1")), &page)?;
            }
        }
    }
    Ok(outcome)
}

/// The pages of the command and all below it, by name: `promote-copy-image`.
fn pages(command: Command, parent: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let name = match parent {
        "" => command.get_name().to_owned(),
        _ => format!("{parent}-{}", command.get_name()),
    };
    let mut all = Vec::new();
    let shown = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
    for sub in command.get_subcommands().filter(shown) {
        all.extend(pages(sub.clone(), &name)?);
    }
    let titled = command.name(name.clone());
    all.push((name, page(titled)?));
    Ok(all)
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page).or_fail(Kind::Bug)?;
    Ok(page)
}
