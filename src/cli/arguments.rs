//! What holds for every flag of every command, applied at once so that no command can forget it.
//!
//! 1. The file name of the program may be a command: `copy-image …` means `promote copy-image …`.
//! 2. A flag with an empty value is absent: a Tekton Task has no shell, so an optional param
//!    arrives as `--flag=` or `--flag` and an empty argument. The same holds for an empty
//!    environment variable.
//! 3. Every flag has an environment variable `PROMOTE_<FLAG>`, but for those that weaken a check.
//! 4. Every boolean takes `=true|false`; `=false` for what is false anyway counts as absent.

use std::{collections::BTreeSet, ffi::OsString, path::Path};

use clap::{Arg, Command};

use crate::{
    commands::{booleans, switches},
    env::Env,
};

/// Flags that weaken a check stand on the command line only.
const WEAKENING: [&str; 5] = [
    "unverified",
    "ignore-rekor",
    "plain-http",
    "strict",
    "compat",
];
const WEAKENING_FAMILIES: [&str; 3] = ["insecure-", "allow-", "skip-"];

/// Flags whose empty value is an error: a digest that an earlier step did not report must not
/// switch the comparison off.
const NEVER_EMPTY: [&str; 4] = [
    "images-digest",
    "verified-digest",
    "promoted-digest",
    "report-digest",
];

/// The command whose arguments are read as another program reads them.
const DROP_IN: &str = "ec";

/// Applies rules 2 to 4 to the command and its subcommands.
pub(super) fn apply(command: Command, env: &Env) -> Command {
    let names: Vec<_> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let command = booleans(command).mut_args(|argument| with_variable(argument, env));
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |sub| apply(sub, env))
    })
}

fn with_variable(argument: Arg, env: &Env) -> Arg {
    match argument
        .get_long()
        .filter(|long| has_variable(long))
        .map(variable)
    {
        Some(name) if !env.is_empty(&name) => argument.env(name).hide_env_values(true),
        _ => argument,
    }
}

fn has_variable(long: &str) -> bool {
    let of_family = |family: &&str| long.starts_with(*family);
    !WEAKENING.contains(&long)
        && !WEAKENING_FAMILIES.iter().any(of_family)
        && !["help", "version"].contains(&long)
}

fn variable(long: &str) -> String {
    format!("PROMOTE_{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// Applies rules 1, 2 and 4 to the arguments of the process.
pub(super) fn arrange(given: Vec<OsString>, command: &Command, env: &Env) -> Vec<OsString> {
    let mut given = given.into_iter();
    let program = given.next().unwrap_or_default();
    let called = Path::new(&program)
        .file_name()
        .and_then(|name| name.to_str());
    let applet = called.filter(|name| command.find_subcommand(name).is_some());
    let mut arguments = vec![OsString::from(command.get_name())];
    arguments.extend(applet.map(OsString::from));
    let with_value = flags_with_value(command);
    let switches = switches(command);
    // The argument must win over a variable that says otherwise.
    let is_off = |text: &str| {
        let long = text
            .strip_prefix("--")
            .and_then(|text| text.strip_suffix("=false"));
        long.is_some_and(|long| switches.contains(long) && env.get(&variable(long)).is_none())
    };
    let mut given = given.peekable();
    if applet.is_none()
        && let Some(first) = given.next_if(|first| first == DROP_IN)
    {
        arguments.push(first);
    }
    if arguments.get(1).is_some_and(|called| called == DROP_IN) {
        // Nothing behind it is ours to read.
        arguments.push("--".into());
        arguments.extend(given);
        return arguments;
    }
    while let Some(argument) = given.next() {
        if argument == "--" {
            arguments.push(argument);
            break;
        }
        let text = argument.to_str().unwrap_or_default();
        let long = text.strip_prefix("--").unwrap_or_default();
        if is_empty_flag(text) || is_off(text) {
            continue;
        }
        if with_value.contains(long)
            && !NEVER_EMPTY.contains(&long)
            && given.next_if(|next| next.is_empty()).is_some()
        {
            continue;
        }
        arguments.push(argument);
    }
    // What stands behind `--` is no flag.
    arguments.extend(given);
    arguments
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

/// `--flag=` with nothing behind it.
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
        arranged_in(given, &Env::default())
    }

    fn arranged_in(given: &[&str], env: &Env) -> Vec<String> {
        let value = Arg::new("tag").long("tag");
        let switch = Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue);
        let copy_image = Command::new("copy-image").args([value, switch]);
        let command = Command::new("promote").subcommand(copy_image);
        let command = booleans(command).mut_subcommand("copy-image", booleans);
        let given = given.iter().map(OsString::from).collect();
        let arguments = arrange(given, &command, env).into_iter();
        arguments
            .map(|argument| argument.into_string().unwrap())
            .collect()
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
    fn drops_what_is_false_anyway_unless_a_variable_says_otherwise() {
        let given = ["promote", "copy-image", "--dry-run=false", "--strict=false"];
        assert_eq!(
            arranged(&given),
            ["promote", "copy-image", "--strict=false"]
        );
        let env = Env::from([("PROMOTE_DRY_RUN", "true")]);
        assert_eq!(arranged_in(&given, &env), given);
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
    fn what_stands_behind_ec_is_left_alone() {
        let command = Command::new("promote").subcommand(Command::new("ec"));
        for program in [&["/usr/bin/ec"][..], &["promote", "ec"]] {
            let given = program.iter().chain(&["--timeout", "5m", "--policy="]);
            let arranged = arrange(
                given.map(OsString::from).collect(),
                &command,
                &Env::default(),
            );
            assert_eq!(
                arranged,
                ["promote", "ec", "--", "--timeout", "5m", "--policy="]
            );
        }
    }

    #[test]
    fn flags_that_weaken_a_check_have_no_variable() {
        for long in [
            "unverified",
            "insecure-skip-tls-verify",
            "allow-empty",
            "strict",
            "plain-http",
        ] {
            assert!(!has_variable(long), "{long}");
        }
        assert_eq!(variable("data-dir"), "PROMOTE_DATA_DIR");
    }

    #[test]
    fn booleans_take_a_value_and_variables_are_read() {
        let flag = |name: &'static str| Arg::new(name).long(name);
        let command = Command::new("promote")
            .arg(flag("semver").action(ArgAction::SetTrue))
            .arg(flag("data-dir"));
        let empty = Env::from([("PROMOTE_DATA_DIR", "")]);
        let command = apply(command, &empty);
        let data_dir = command
            .get_arguments()
            .find(|a| a.get_id() == "data-dir")
            .unwrap();
        assert_eq!(data_dir.get_env(), None);
        for (argument, value) in [
            ("--semver", true),
            ("--semver=true", true),
            ("--semver=false", false),
        ] {
            let matches = command
                .clone()
                .try_get_matches_from(["promote", argument])
                .unwrap();
            assert_eq!(
                matches.get_one::<bool>("semver"),
                Some(&value),
                "{argument}"
            );
        }
    }
}
