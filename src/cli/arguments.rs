//! Rules for every flag of every command, applied in one place so that no command can miss them.
//!
//! 1. The file name of the program may be a command: `copy-image …` means `promote copy-image …`.
//! 2. A flag with an empty value is absent: a Tekton Task has no shell, so an optional param
//!    arrives as `--flag=` or `--flag` and an empty argument. A digest or the source repository is never
//!    optional once its flag is given: an empty one is an error.
//! 3. The global flags for directories, credentials and logs have a variable `PROMOTE_<FLAG>`; flags of
//!    commands have none. A flag on the line, empty or not, overrides its variable.
//! 4. Every boolean takes `=true|false`; `=false` for what is false anyway is absent.

use std::{collections::BTreeSet, ffi::OsString, iter::Peekable, path::Path};

use clap::{Arg, Command};

use crate::commands::{booleans, switches};

/// Lists the global flags that have a variable.
pub const WITH_VARIABLE: [&str; 12] = [
    "log-level",
    "log-format",
    "log-file",
    "color",
    "progress",
    "ca-file",
    "authfile",
    "git-credentials-dir",
    "data-dir",
    "results-dir",
    "timeout",
    "memory",
];

/// Flags whose empty value is an error: a digest that an earlier step did not report must not
/// switch the comparison off, and an empty repository must not switch off the check of the tag.
const NEVER_EMPTY: [&str; 6] = [
    "git-url",
    "images-digest",
    "verified-digest",
    "promoted-digest",
    "release-digest",
    "report-digest",
];

/// The command whose arguments are parsed as Conforma's `ec` parses them.
const DROP_IN: &str = "ec";

/// The commands that read flags of other commands from a file.
const WITH_FILE: [&str; 2] = ["run", "doctor"];

/// The arguments of a process as they are given to the parser.
pub(super) struct ArrangedArguments {
    /// The arguments, without those that are absent.
    pub(super) arguments: Vec<OsString>,
    /// The flags with a variable that were given, empty or not.
    given: BTreeSet<String>,
}

/// Applies rule 4 to the command and its subcommands.
pub(super) fn apply(command: Command) -> Command {
    let names: Vec<_> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let command = booleans(command);
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, apply))
}

/// Applies rule 3: sets the global flags that are not on the line from their variables. An empty
/// variable is treated as unset.
pub(super) fn with_variables(
    command: Command,
    line: Option<&ArrangedArguments>,
    is_empty: impl Fn(&str) -> bool,
) -> Command {
    command.mut_args(|argument| {
        let long = argument.get_long().map(str::to_owned);
        let long = long.filter(|long| WITH_VARIABLE.contains(&long.as_str()));
        let given = |long: &String| line.is_some_and(|line| line.given.contains(long));
        match long.filter(|long| !given(long)) {
            Some(long) if !is_empty(&variable(&long)) => {
                argument.env(variable(&long)).hide_env_values(true)
            }
            _ => argument,
        }
    })
}

/// The names of all variables of this program.
pub(super) fn variables() -> Vec<String> {
    WITH_VARIABLE.into_iter().map(variable).collect()
}

fn variable(long: &str) -> String {
    format!("PROMOTE_{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// Applies rules 1, 2 and 4 to the arguments of the process.
pub(super) fn arrange(given: Vec<OsString>, command: &Command) -> ArrangedArguments {
    let mut given = given.into_iter();
    let program = given.next().unwrap_or_default();
    let called = Path::new(&program)
        .file_name()
        .and_then(|name| name.to_str());
    let applet = called.filter(|name| command.find_subcommand(name).is_some());
    let mut arguments = vec![OsString::from(command.get_name())];
    arguments.extend(applet.map(OsString::from));
    let rest: Vec<_> = given.collect();
    let named = |text: &OsString| text.to_str().and_then(|text| command.find_subcommand(text));
    let applet_command = applet.and_then(|name| command.find_subcommand(name));
    let addressed = applet_command.or_else(|| rest.iter().find_map(named));
    // Another command may have a flag of the same name that is on unless it is switched off.
    let switches = switches(addressed.unwrap_or(command));
    // A configuration file may switch on a flag that the line switches off: the line must win.
    let has_file = addressed.is_some_and(|addressed| WITH_FILE.contains(&addressed.get_name()));
    let is_off = |text: &str| {
        let long = text
            .strip_prefix("--")
            .and_then(|text| text.strip_suffix("=false"));
        !has_file && long.is_some_and(|long| switches.contains(long))
    };
    let mut given = rest.into_iter().peekable();
    if applet.is_none()
        && let Some(first) = given.next_if(|first| first == DROP_IN)
    {
        arguments.push(first);
    }
    if arguments.get(1).is_some_and(|called| called == DROP_IN) {
        // The arguments behind it are left to its own parser.
        arguments.push("--".into());
        arguments.extend(given);
        return ArrangedArguments {
            arguments,
            given: BTreeSet::new(),
        };
    }
    let dropped = Dropped {
        with_value: flags_with_value(command),
        is_off: &is_off,
    };
    let shut_out = dropped.filter(&mut given, &mut arguments);
    // An argument behind `--` is not a flag.
    arguments.extend(given);
    ArrangedArguments {
        arguments,
        given: shut_out,
    }
}

/// Recognizes flags that are equivalent to absent ones.
struct Dropped<'a> {
    /// Flags whose value may be the next argument.
    with_value: BTreeSet<&'a str>,
    /// Tells whether a flag switches off what is off by default.
    is_off: &'a dyn Fn(&str) -> bool,
}

impl Dropped<'_> {
    /// Moves the arguments up to `--` but for absent flags; returns the flags with a variable that were given.
    fn filter(
        &self,
        given: &mut Peekable<impl Iterator<Item = OsString>>,
        arguments: &mut Vec<OsString>,
    ) -> BTreeSet<String> {
        let mut shut_out = BTreeSet::new();
        while let Some(argument) = given.next() {
            if argument == "--" {
                arguments.push(argument);
                break;
            }
            let text = argument.to_str().unwrap_or_default();
            let long = text.strip_prefix("--").unwrap_or_default();
            let name = long.split_once('=').map_or(long, |(name, _)| name);
            if WITH_VARIABLE.contains(&name) {
                shut_out.insert(name.to_owned());
            }
            if (self.is_off)(text) || is_empty_flag(text) {
                continue;
            }
            if self.with_value.contains(long)
                && !NEVER_EMPTY.contains(&name)
                && given.next_if(|next| next.is_empty()).is_some()
            {
                continue;
            }
            arguments.push(argument);
        }
        shut_out
    }
}

/// The flags whose value may be the next argument, of the command and all its subcommands.
fn flags_with_value(command: &Command) -> BTreeSet<&str> {
    let own = command
        .get_arguments()
        .filter(|argument| {
            argument.get_action().takes_values() && !argument.is_require_equals_set()
        })
        .filter_map(Arg::get_long);
    let below = command.get_subcommands().flat_map(flags_with_value);
    own.chain(below).collect()
}

/// Tells whether a text is `--flag=` with an empty value.
fn is_empty_flag(text: &str) -> bool {
    let name = text
        .strip_prefix("--")
        .and_then(|flag| flag.strip_suffix('='));
    name.is_some_and(|name| !name.is_empty() && !name.contains('=') && !NEVER_EMPTY.contains(&name))
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    fn arranged(given: &[&str]) -> Vec<String> {
        line(given)
            .arguments
            .into_iter()
            .map(|argument| argument.into_string().unwrap())
            .collect()
    }

    fn line(given: &[&str]) -> ArrangedArguments {
        let value = Arg::new("tag").long("tag");
        let switch = Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue);
        let copy_image = Command::new("copy-image").args([value, switch]);
        let command = Command::new("promote").subcommand(copy_image);
        let command = booleans(command).mut_subcommand("copy-image", booleans);
        let given = given.iter().map(OsString::from).collect();
        arrange(given, &command)
    }

    #[test]
    fn drops_empty_values_before_the_positional_ones() {
        let given = ["promote-v1", "x", "--a=", "--b=1", "--c==", "--", "--d="];
        assert_eq!(
            arranged(&given),
            ["promote", "x", "--b=1", "--c==", "--", "--d="]
        );
    }

    #[test]
    fn drops_an_empty_argument_behind_a_flag_that_takes_one() {
        let given = [
            "promote",
            "x",
            "--tag",
            "",
            "--tag",
            "v1",
            "--dry-run",
            "",
            "--",
            "--tag",
            "",
        ];
        let kept = [
            "promote",
            "x",
            "--tag",
            "v1",
            "--dry-run",
            "",
            "--",
            "--tag",
            "",
        ];
        assert_eq!(arranged(&given), kept);
    }

    #[test]
    fn drops_what_is_false_anyway() {
        let given = ["promote", "copy-image", "--dry-run=false", "--strict=false"];
        assert_eq!(
            arranged(&given),
            ["promote", "copy-image", "--strict=false"]
        );
    }

    #[test]
    fn the_program_may_be_called_by_a_commands_name() {
        assert_eq!(
            arranged(&["/usr/bin/copy-image", "a"]),
            ["promote", "copy-image", "a"]
        );
        assert_eq!(arranged(&["copy", "a"]), ["promote", "a"]);
    }

    #[test]
    fn arguments_after_ec_are_left_alone() {
        let command = Command::new("promote").subcommand(Command::new("ec"));
        for program in [&["/usr/bin/ec"][..], &["promote", "ec"]] {
            let given = program.iter().chain(&["--timeout", "5m", "--policy="]);
            let arranged = arrange(given.map(OsString::from).collect(), &command);
            assert_eq!(
                arranged.arguments,
                ["promote", "ec", "--", "--timeout", "5m", "--policy="]
            );
        }
    }

    #[test]
    fn an_empty_digest_stays_and_is_refused_by_the_parser() {
        let given = [
            "promote",
            "copy-image",
            "--verified-digest=",
            "--images-digest",
            "",
            "--release-digest=",
        ];
        assert_eq!(arranged(&given), given);
    }

    #[test]
    fn only_listed_global_flags_have_a_variable_and_a_given_one_shuts_it_out() {
        let flag = |name: &'static str| Arg::new(name).long(name);
        let command = || Command::new("promote").args(["authfile", "data-dir", "tag"].map(flag));
        let with = |line: Option<&ArrangedArguments>, empty: &str| {
            let command = with_variables(command(), line, |name| name == empty);
            let found = command.get_arguments().filter(|a| a.get_env().is_some());
            found.map(|a| a.get_id().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(with(None, ""), ["authfile", "data-dir"]);
        assert_eq!(with(None, "PROMOTE_DATA_DIR"), ["authfile"]);
        for given in [
            &["promote", "x", "--authfile="][..],
            &["promote", "--authfile", "", "x"],
        ] {
            assert_eq!(with(Some(&line(given)), ""), ["data-dir"], "{given:?}");
        }
        let behind = line(&["promote", "x", "--", "--authfile="]);
        assert_eq!(with(Some(&behind), ""), ["authfile", "data-dir"]);
    }

    #[test]
    fn booleans_take_a_value() {
        let semver = Arg::new("semver").long("semver").action(ArgAction::SetTrue);
        let command = apply(Command::new("promote").arg(semver));
        for (argument, value) in [
            ("--semver", true),
            ("--semver=true", true),
            ("--semver=false", false),
        ] {
            let matches = command.clone().try_get_matches_from(["promote", argument]);
            let matches = matches.unwrap();
            assert_eq!(
                matches.get_one::<bool>("semver"),
                Some(&value),
                "{argument}"
            );
        }
    }
}
