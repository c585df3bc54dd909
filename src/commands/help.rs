//! `help`: the help of a command, or of a subject that concerns all of them.
//!
//! [`dress`] adds to every command its headings, examples and the short list of global options.

mod examples;
mod headings;
mod topics;

use clap::Command;
pub(crate) use examples::examples;
pub(crate) use topics::{TOPICS, exit_codes, variables};

use super::Outcome;
use crate::{
    failure::{Failure, Kind},
    lint::nearest,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A command such as `trust verify`, or one of options, variables, exit-codes, credentials
    #[arg(value_name = "COMMAND|TOPIC")]
    topic: Vec<String>,
}

/// Prints the long help of the command, or the topic.
///
/// # Errors
/// [`Kind::Usage`] for a word that is neither.
pub(crate) fn run(args: &Args, mut command: Command) -> Result<Outcome, Failure> {
    command.build();
    let text = match args.topic.as_slice() {
        [topic] if TOPICS.contains(&topic.as_str()) => topics::text(topic, &command),
        path => of_command(path, &mut command)?,
    };
    Ok(Outcome {
        stdout: text.into_bytes(),
        ..Outcome::default()
    })
}

fn of_command(path: &[String], command: &mut Command) -> Result<String, Failure> {
    let mut at = command;
    for word in path {
        let names = at.get_subcommands().map(|sub| sub.get_name().to_owned());
        let names: Vec<_> = names.filter(|name| name != "help").collect();
        at = at.find_subcommand_mut(word).ok_or_else(|| {
            let known = names.join(", ");
            let all = names.iter().map(String::as_str).chain(TOPICS);
            let hint = match nearest(word, all) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("the topics are {}", TOPICS.join(", ")),
            };
            let text = format!("no command or topic {word:?}: expected one of {known}");
            Failure::message(Kind::Usage, text).hint(hint)
        })?;
    }
    Ok(at.render_long_help().to_string())
}

/// Adds headings, examples and a short list of the global options to the command and all below it.
pub(crate) fn dress(command: Command) -> Command {
    let names = |command: &Command| -> Vec<String> {
        let subs = command.get_subcommands();
        subs.map(|sub| sub.get_name().to_owned()).collect()
    };
    // The list at the end of each short help takes their place.
    let globals: Vec<_> = command
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .filter_map(|argument| argument.get_long())
        .map(|long| format!("--{long}"))
        .collect();
    let globals = globals.join(", ");
    let mut command = command.mut_args(|argument| match argument.is_global_set() {
        true => argument.hide_short_help(true),
        false => argument,
    });
    let after = format!(
        "Topics: promote help {}\nGlobal options (promote help options): -v, -q, {globals}",
        TOPICS.join("|")
    );
    command = command.after_help(after);
    for name in names(&command) {
        let below = |sub: Command| dress_below(sub, &name, &globals);
        command = command.mut_subcommand(&name, below);
    }
    command
}

fn dress_below(command: Command, path: &str, globals: &str) -> Command {
    // Fixed, or an error would show each variable of the environment as a required option.
    let usage = command
        .clone()
        .bin_name(format!("promote {path}"))
        .render_usage()
        .to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let mut command = headings::apply(command, path).override_usage(usage);
    let own = command.get_after_help().map(ToString::to_string);
    let own = own.or_else(|| {
        let lines = examples(path).iter().map(|line| format!("  {line}\n"));
        let lines: String = lines.collect();
        (!lines.is_empty()).then(|| format!("Examples:\n{}", lines.trim_end()))
    });
    let short = format!("Global options (promote help options): {globals}");
    let own = own.unwrap_or_default();
    command = command
        .after_help(format!("{own}\n\n{short}").trim_start().to_owned())
        .after_long_help(own);
    let subs: Vec<_> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in subs {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |sub| dress_below(sub, &path, globals));
    }
    command
}
