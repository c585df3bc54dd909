//! Checks the arguments of a step against this program's own command line.

use clap::{Arg, Command, error::ErrorKind};

use crate::lint::ArgumentError;

/// The command lines of `promote` and `ec`.
pub(super) struct CommandLine {
    promote: Command,
    ec: Command,
}

impl CommandLine {
    pub(super) fn new(mut promote: Command, mut ec: Command) -> Self {
        promote.build();
        ec.build();
        Self { promote, ec }
    }

    /// Checks the words of a step whose program is `promote`, `ec` or one of its commands, by its file name.
    pub(super) fn check(&self, command: &[&str], args: &[&str]) -> Vec<ArgumentError> {
        let mut words = command.iter().chain(args);
        let Some(program) = words.next() else {
            return Vec::new();
        };
        let name = program.rsplit('/').next().unwrap_or(program);
        let start = match name {
            "promote" => Some((&self.promote, vec!["promote"])),
            "ec" => Some((&self.ec, vec!["ec"])),
            _ => {
                let found = self.promote.find_subcommand(name);
                found.map(|found| (found, vec!["promote", name]))
            }
        };
        let Some((at, path)) = start else {
            return Vec::new();
        };
        let mut walk = ArgumentWalk {
            line: self,
            at,
            path,
            seen: Vec::new(),
            positionals: 0,
            dynamic: false,
            errors: Vec::new(),
        };
        walk.words(&words.copied().collect::<Vec<_>>(), command.len());
        walk.errors
    }
}

/// The state of the walk through the words of a step.
struct ArgumentWalk<'a> {
    line: &'a CommandLine,
    at: &'a Command,
    /// The program and the commands so far.
    path: Vec<&'a str>,
    seen: Vec<&'a str>,
    positionals: usize,
    /// Set when a word can hold any number of arguments.
    dynamic: bool,
    errors: Vec<ArgumentError>,
}

impl<'a> ArgumentWalk<'a> {
    /// Walks over the words behind the program; the first `command - 1` of them are not in `args`.
    fn words(&mut self, words: &[&'a str], command: usize) {
        let mut words = words.iter().enumerate();
        let mut flags_end = false;
        while let Some((at, word)) = words.next() {
            let index = (at + 1).checked_sub(command);
            if *word == "--" && !flags_end {
                flags_end = true;
            } else if flags_end || !word.starts_with('-') || *word == "-" {
                self.word(word, index, flags_end);
            } else if let Some(flag) = word.strip_prefix("--") {
                let has_next = self.flag(flag, index);
                if has_next {
                    words.next();
                }
            }
        }
        if !self.dynamic {
            self.check_required();
        }
    }

    fn error(&mut self, index: Option<usize>, message: String) {
        self.errors.push(ArgumentError { index, message });
    }

    /// Takes a command or a positional argument.
    fn word(&mut self, word: &'a str, index: Option<usize>, flags_end: bool) {
        if word.starts_with("$(") && word.ends_with("[*])") {
            self.dynamic = true;
            return;
        }
        if self.at.has_subcommands() && !flags_end {
            if let Some(next) = self.at.find_subcommand(word) {
                self.at = next;
                self.path.push(next.get_name());
            } else if !word.contains("$(") {
                let text = format!("{} has no command {word}", self.path.join(" "));
                self.error(index, text);
                self.dynamic = true;
            } else {
                self.dynamic = true;
            }
            return;
        }
        let Some(arg) = self.at.get_positionals().nth(self.positionals) else {
            if !self.dynamic {
                let text = format!("{} takes no argument {word}", self.path.join(" "));
                self.error(index, text);
            }
            return;
        };
        self.seen.push(arg.get_id().as_str());
        let many = arg
            .get_num_args()
            .is_some_and(|range| range.max_values() > 1)
            || matches!(arg.get_action(), clap::ArgAction::Append);
        if !many {
            self.positionals += 1;
        }
    }

    /// Takes a flag and returns whether the next word is its value.
    fn flag(&mut self, flag: &'a str, index: Option<usize>) -> bool {
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (flag, None),
        };
        if name.contains("$(") || matches!(name, "help" | "version") {
            self.dynamic = true;
            return false;
        }
        let long = |arg: &&Arg| {
            arg.get_long() == Some(name)
                || arg
                    .get_all_aliases()
                    .is_some_and(|aliases| aliases.contains(&name))
        };
        let Some(arg) = self.at.get_arguments().find(long) else {
            let known = self.at.get_arguments().filter_map(Arg::get_long);
            let near = crate::lint::nearest(name, known);
            let near = near.map(|near| format!(", did you mean --{near}?"));
            let text = format!(
                "{} has no flag --{name}{}",
                self.path.join(" "),
                near.unwrap_or_default()
            );
            self.error(index, text);
            return false;
        };
        self.seen.push(arg.get_id().as_str());
        match value {
            Some(value) if !value.contains("$(") && !value.is_empty() => {
                self.check_value(flag, index);
                false
            }
            Some(_) => false,
            None => {
                let range = arg.get_num_args().unwrap_or_default();
                range.min_values() > 0 && !arg.is_require_equals_set()
            }
        }
    }

    /// Parses one flag with its value, and ignores other missing arguments.
    fn check_value(&mut self, flag: &str, index: Option<usize>) {
        let root = match self.path.first() {
            Some(&"ec") => &self.line.ec,
            _ => &self.line.promote,
        };
        let flag = format!("--{flag}");
        let words = self.path.iter().copied().chain([flag.as_str()]);
        let Err(error) = root.clone().try_get_matches_from(words) else {
            return;
        };
        if matches!(
            error.kind(),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues
        ) {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            self.error(index, first.to_owned());
        }
    }

    fn check_required(&mut self) {
        let missing = self
            .at
            .get_arguments()
            .filter(|arg| arg.is_required_set() && !self.seen.contains(&arg.get_id().as_str()));
        let missing: Vec<_> = missing.map(ToString::to_string).collect();
        for arg in missing {
            let text = format!("{} needs {arg}", self.path.join(" "));
            self.error(None, text);
        }
        if self.at.is_subcommand_required_set() {
            let text = format!("{} needs a command", self.path.join(" "));
            self.error(None, text);
        }
    }
}
