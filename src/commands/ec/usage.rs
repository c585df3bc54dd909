//! Flags as Go's pflag parses them, and its messages for those that cannot be parsed.

use std::time::Duration;

use clap::{
    ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::failure::{Failure, Kind};

/// The result of arguments that are not a call.
#[derive(Debug)]
pub(crate) enum Usage {
    /// The requested help, for standard output.
    Help(String),
    /// The message about a wrong argument.
    Wrong(String),
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        let (Usage::Help(text) | Usage::Wrong(text)) = usage;
        Self::message(Kind::Usage, text)
    }
}

impl Usage {
    /// Words an error of clap as cobra and pflag would.
    pub(super) fn of(error: clap::Error) -> Self {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            _ => String::new(),
        };
        // `--policy <POLICY>` or `-s, --strict[=<BOOL>]`: pflag names the flag alone.
        let flag = || {
            let shown = text(ContextKind::InvalidArg);
            let named = shown.split(['[', '<', '=']).next().unwrap_or_default();
            named.trim().to_owned()
        };
        let said = match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingSubcommand => return Self::Help(error.to_string()),
            ErrorKind::UnknownArgument => match flag() {
                long if long.starts_with("--") => format!("unknown flag: {long}"),
                short if short.starts_with('-') => {
                    let letter: String = short.chars().skip(1).take(1).collect();
                    format!("unknown shorthand flag: '{letter}' in {short}")
                }
                word if boolean(&word).is_ok() => format!(
                    "unknown command {word:?} for \"ec\": a boolean takes its value by =, as in --strict={word}"
                ),
                other => format!("unknown command {other:?} for \"ec\""),
            },
            ErrorKind::InvalidSubcommand => {
                let given = text(ContextKind::InvalidSubcommand);
                format!("unknown command {given:?} for \"ec\"")
            }
            ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
                format!("flag needs an argument: {}", flag())
            }
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let value = text(ContextKind::InvalidValue);
                let why = std::error::Error::source(&error)
                    .map(|source| format!(": {source}"))
                    .unwrap_or_default();
                format!(
                    "invalid argument {value:?} for \"{}\" flag{why}",
                    shorthand(&flag())
                )
            }
            _ => {
                let text = error.to_string();
                let first = text.lines().next().unwrap_or_default();
                first.trim_start_matches("error: ").to_owned()
            }
        };
        Self::Wrong(said)
    }
}

/// Returns a flag with its letter, as pflag names it; clap has the form that was typed.
fn shorthand(flag: &str) -> String {
    let found = super::command();
    let letter = letters(&found)
        .into_iter()
        .find(|(long, letter)| flag == format!("--{long}") || flag == format!("-{letter}"));
    match letter {
        Some((long, letter)) => format!("-{letter}, --{long}"),
        None => flag.to_owned(),
    }
}

fn letters(command: &Command) -> Vec<(String, char)> {
    let own = command
        .get_arguments()
        .filter_map(|argument| Some((argument.get_long()?.to_owned(), argument.get_short()?)));
    let inner = command.get_subcommands().flat_map(letters);
    own.chain(inner).collect()
}

/// Lets every boolean of the command and its subcommands take the words that Go accepts for one.
pub(super) fn booleans(command: Command) -> Command {
    let names: Vec<_> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let command = command.mut_args(|argument| match argument.get_action() {
        ArgAction::SetTrue => argument
            .action(ArgAction::Set)
            .value_parser(boolean)
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true),
        _ => argument,
    });
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, booleans)
    })
}

/// Parses the words that Go accepts for a boolean.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {text:?}: invalid syntax"
        )),
    }
}

/// Parses a duration as Go writes it: `1h30m`, `300ms`, `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("time: invalid duration {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(parsed).map_err(|_| wrong())
}

/// Formats a duration as Go prints it: `5m0s`, `1.5s`, `300ms`.
pub(crate) fn in_go(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if duration.is_zero() {
        return "0s".to_owned();
    }
    let small = [
        (1_000, "ns", 1.0),
        (1_000_000, "µs", 1e3),
        (1_000_000_000, "ms", 1e6),
    ];
    let nanoseconds = duration.as_nanos();
    if let Some((_, unit, size)) = small.iter().find(|(below, _, _)| nanoseconds < *below) {
        return format!("{}{unit}", nanoseconds as f64 / size);
    }
    let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60);
    let rest = format!("{}s", seconds - (hours * 3600 + minutes * 60) as f64);
    match (hours, minutes) {
        (0, 0) => rest,
        (0, minutes) => format!("{minutes}m{rest}"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
    }
}

/// Splits the values of a repeatable flag, each of which is a line of CSV.
pub(super) fn split(values: &[String]) -> Result<Vec<String>, Usage> {
    let mut fields = Vec::new();
    for value in values {
        fields.extend(record(value).ok_or_else(|| {
            Usage::Wrong(format!(
                "invalid argument {value:?}: parse error: quotes do not match"
            ))
        })?);
    }
    Ok(fields)
}

/// Parses one line of CSV (RFC 4180); an empty one has no fields.
fn record(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    if rest.is_empty() {
        return Some(fields);
    }
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, behind) = rest.split_at(end);
                if field.contains('"') {
                    return None;
                }
                (field.to_owned(), behind)
            }
        };
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None => return behind.is_empty().then_some(fields),
        }
    }
}

/// Returns the field behind an opening quote and the text behind the closing one.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (part, behind) = rest.split_once('"')?;
        field.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_as_csv() {
        let split = |values: &[&str]| {
            let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
            split(&values).ok()
        };
        let expected =
            |fields: &[&str]| Some(fields.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            split(&["json,yaml=a", "text"]),
            expected(&["json", "yaml=a", "text"])
        );
        assert_eq!(
            split(&[r#""a,b","say ""x""",c"#]),
            expected(&["a,b", "say \"x\"", "c"])
        );
        assert_eq!(split(&["", "a,"]), expected(&["a", ""]));
        assert_eq!(split(&["a\"b"]), None);
        assert_eq!(split(&["\"a"]), None);
    }

    #[test]
    fn durations_are_gos() {
        for (text, shown) in [
            ("5m", "5m0s"),
            ("0", "0s"),
            ("0s", "0s"),
            ("300ms", "300ms"),
            ("1ns", "1ns"),
            ("1.5s", "1.5s"),
            ("1h30m", "1h30m0s"),
        ] {
            assert_eq!(duration(text).map(in_go), Ok(shown.to_owned()), "{text}");
        }
        assert!(duration("soon").is_err());
        assert!(duration("-1s").is_err());
    }
}
