//! `docs/cli.md` is made from the command line itself; `UPDATE_DOCS=1 cargo test docs` renews it.

use std::{collections::BTreeSet, fmt::Write as _, fs, os::unix::fs::symlink, path::Path};

use clap::{Arg, ArgAction, Command};
use lab::{serve, universe::Universe};

use crate::harness::{Run, Workdir};

const HEAD: &str = "<!-- Generated from the command line: `UPDATE_DOCS=1 cargo test docs` renews it. Do not edit. -->

# Commands

Every command with its options and defaults, as `promote help COMMAND` prints them. To start with the commands that most people need, read
[the README](../README.md).

`promote [GLOBAL OPTIONS] COMMAND [OPTIONS]`. If the program is linked under the name of a command, such as `copy-image`,
the call means `promote copy-image …`.

- An option with an empty value (`--flag=`) is treated as not given. For `--git-url` and the digests of hand-over files and reports an
  empty value is an error.
- Boolean options can be written with a value: `--flag=true` or `--flag=false`.
- A global option can be set by its environment variable, which is named in the table. The option overrides the variable.
- Options of commands have no variables. They are given on the command line or, for `run` and `doctor`, in `promote.yaml`.
";

#[test]
fn docs_cli_reference_is_fresh() {
    let mut command = promote::cli::command();
    command.build();
    check("docs/cli.md", &reference(&command));
}

#[test]
fn docs_show_the_exit_codes_of_the_program() {
    let table = exit_codes();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(
        readme.contains(&table),
        "README.md lacks the table:\n{table}"
    );
}

#[test]
fn docs_commands_by_hand_work_as_they_are_written() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let block = readme
        .split("```")
        .find(|block| block.contains("\npromote extract-tag"))
        .unwrap();
    let commands: Vec<_> = block.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(commands.len(), 5, "{block}");
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_promote"));
    let exports: String = serve::variables(&universe, program)
        .iter()
        .map(|(name, value)| format!("export {name}={value}\n"))
        .collect();
    let dir = Workdir::new();
    symlink(root().join("policies"), dir.path("policies")).unwrap();
    let script = format!("set -e\n{exports}{}", commands.join("\n"));
    let mut shell = dir.command_of(Path::new("/bin/sh"));
    Run::of(shell.args(["-c", &script]).output().unwrap()).exits(0);
    let expected = format!(
        "{}:prod-v1.0@{}",
        universe.production(),
        universe.image.digest
    );
    assert_eq!(universe.deployed().unwrap(), expected);
}

/// Compares a generated file with what should be in it, or renews it.
pub(crate) fn check(path: &str, fresh: &str) {
    let file = root().join(path);
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, fresh).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == fresh,
        "{path} is stale: run UPDATE_DOCS=1 cargo test docs"
    );
}

/// The checkout's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn exit_codes() -> String {
    let mut table = "| code | meaning |\n|---|---|\n| 0 | done, or already done |\n".to_owned();
    for (code, meaning) in promote::cli::exit_codes() {
        writeln!(table, "| {code} | {meaning} |").unwrap();
    }
    table
}

fn reference(command: &Command) -> String {
    let mut text = HEAD.to_owned();
    write!(
        text,
        "\n## Exit codes\n\n{}\nAfter Ctrl-C or SIGTERM the code is 130.\n",
        exit_codes()
    )
    .unwrap();
    text.push_str("\n## Global options\n");
    options(
        &mut text,
        command.get_arguments().filter(|a| a.is_global_set()),
    );
    for sub in shown(command) {
        section(&mut text, sub, "", 2);
        if sub.get_name() == "ec" {
            drop_in(&mut text);
        }
    }
    text
}

/// The commands of `ec`, which are parsed on their own.
fn drop_in(text: &mut String) {
    let mut command = promote::cli::ec_command();
    command.build();
    text.push_str("\nOptions of every command of `ec`:\n");
    options(text, command.get_arguments().filter(|a| a.is_global_set()));
    for sub in shown(&command) {
        section(text, sub, "ec ", 3);
    }
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

fn section(text: &mut String, command: &Command, parent: &str, level: usize) {
    let name = format!("{parent}{}", command.get_name());
    write!(text, "\n{} {name}\n\n", "#".repeat(level)).unwrap();
    let about = command.get_long_about().or_else(|| command.get_about());
    writeln!(
        text,
        "{}",
        about.map(ToString::to_string).unwrap_or_default()
    )
    .unwrap();
    let mut usage = command.clone();
    let usage = usage.render_usage().to_string();
    write!(
        text,
        "\n```\n{}\n```\n",
        usage.trim_start_matches("Usage: ")
    )
    .unwrap();
    by_heading(text, command);
    if let Some(example) = command.get_after_long_help() {
        let example = example.to_string();
        let lines = example.lines().skip(1).map(str::trim_start);
        let lines: Vec<_> = lines.collect();
        if !lines.is_empty() {
            write!(text, "\n```\n{}\n```\n", lines.join("\n")).unwrap();
        }
    }
    let results: BTreeSet<_> = promote::cli::results(&name).into_iter().collect();
    if !results.is_empty() {
        let results: Vec<_> = results.iter().map(|name| format!("`{name}`")).collect();
        write!(text, "\nTekton results: {}.\n", results.join(", ")).unwrap();
    }
    for sub in shown(command) {
        section(text, sub, &format!("{name} "), level + 1);
    }
}

/// The options, with a line for each heading.
fn by_heading(text: &mut String, command: &Command) {
    let own = || command.get_arguments().filter(|a| !a.is_global_set());
    let mut headings = vec![None];
    for argument in own() {
        let heading = argument.get_help_heading();
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let of_heading = own().filter(|argument| argument.get_help_heading() == heading);
        if let Some(heading) = heading {
            write!(text, "\n{heading}:\n").unwrap();
        }
        options(text, of_heading);
    }
}

fn options<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let rows: Vec<_> = arguments
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .filter(|argument| !argument.is_hide_set())
        .map(row)
        .collect();
    if !rows.is_empty() {
        text.push_str("\n| option | what it does |\n|---|---|\n");
        text.push_str(&rows.concat());
    }
}

fn row(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let value = values
        .iter()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let boolean = value == "BOOL";
    let short = argument.get_short();
    let short = short
        .map(|letter| format!("-{letter}, "))
        .unwrap_or_default();
    let name = match argument.get_long() {
        Some(long) if boolean || !argument.get_action().takes_values() => format!("--{long}"),
        Some(long) => format!("--{long} {value}"),
        None if short.is_empty() => value,
        None => String::new(),
    };
    let named = format!("{short}{name}");
    let named = named.trim_end_matches(", ");
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let about = help.map(ToString::to_string).unwrap_or_default();
    let mut about = sentences(&about);
    if argument.is_required_set() {
        about.push_str(" Required.");
    }
    if matches!(argument.get_action(), ArgAction::Append) {
        about.push_str(" Repeatable.");
    }
    let possible = argument.get_possible_values();
    if !boolean && !possible.is_empty() {
        let names: Vec<_> = possible
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        write!(about, " One of {}.", names.join(", ")).unwrap();
    }
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|v| v.to_string_lossy())
        .collect();
    if !defaults.is_empty() && defaults != ["false"] && defaults != [""] {
        write!(about, " Default: `{}`.", defaults.join(" ")).unwrap();
    }
    if let Some(variable) = argument.get_env() {
        write!(about, " Variable: `{}`.", variable.to_string_lossy()).unwrap();
    }
    format!(
        "| `{}` | {} |\n",
        named.replace('|', "\\|"),
        about.replace('|', "\\|")
    )
}

/// Returns the paragraphs of a help text as sentences, with its default as the last one.
fn sentences(help: &str) -> String {
    let (mut text, mut default) = (String::new(), None);
    for paragraph in help.split("\n\n") {
        let mut paragraph = paragraph.replace('\n', " ");
        if let Some((before, named)) = paragraph.split_once(" [default: ") {
            default = named.strip_suffix(']').map(str::to_owned);
            assert!(default.is_some(), "{help}: the default is not last");
            paragraph = before.to_owned();
        }
        if !paragraph.is_empty() && !paragraph.ends_with(['.', ':']) {
            paragraph.push('.');
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&paragraph);
    }
    if let Some(default) = default {
        write!(text, " Default: {default}.").unwrap();
    }
    text
}
