//! The log on standard error or in a file, and how a failure is shown.

mod file;
mod json;
mod logrus;
mod sanitized;

use std::{
    borrow::Cow,
    fs::File,
    io::{IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use clap::{
    ValueEnum,
    error::{ContextKind, ContextValue},
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    commands::in_data_dir,
    env::Env,
    failure::{Failure, Kind},
    progress::{Progress, ProgressMode},
    text,
};

/// The global flags about the log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct LogFlags {
    /// Log messages of this level and above
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: LogLevel,
    /// Log each request and decision too; the same as --log-level debug
    #[arg(short = 'v', global = true)]
    say_more: bool,
    /// Log errors only; the same as --log-level error
    #[arg(short = 'q', global = true)]
    say_less: bool,
    /// The format of log lines: text, or one JSON object per line
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Append the log to this file instead of standard error; file:NAME is a file in the data directory
    ///
    /// Errors still go to standard error as well, except a refusal that the report on standard output
    /// already explains.
    #[arg(long, global = true, value_name = "PATH")]
    log_file: Option<PathBuf>,
    /// When to colour logs and reports
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
    /// How to show transfers: auto draws bars on a terminal and logs lines elsewhere, plain logs lines
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub(super) progress: TransferDisplay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TransferDisplay {
    Auto,
    Plain,
    None,
}

impl LogFlags {
    /// How transfers are shown; a log in JSON gets them as events.
    pub(super) fn mode(&self, terminal: bool) -> ProgressMode {
        match (self.progress, self.log_format) {
            (TransferDisplay::None, _) => ProgressMode::Quiet,
            (TransferDisplay::Auto, LogFormat::Text) if terminal => ProgressMode::Bars,
            (TransferDisplay::Auto | TransferDisplay::Plain, _) => ProgressMode::Lines,
        }
    }

    /// The least important level, with the short flags.
    fn level(&self) -> LogLevel {
        match (self.say_more, self.say_less) {
            (true, _) if self.log_level == LogLevel::Trace => LogLevel::Trace,
            (true, _) => LogLevel::Debug,
            (false, true) => LogLevel::Error,
            (false, false) => self.log_level,
        }
    }

    /// Tells whether the log goes to a file.
    pub(super) fn is_in_file(&self) -> bool {
        self.log_file.is_some()
    }

    /// Returns flags for a log in the format of upstream's `ec`.
    pub(super) fn of_ec(level: LogLevel, file: Option<&str>) -> Self {
        Self {
            log_level: level,
            say_more: false,
            say_less: false,
            log_format: LogFormat::Logrus,
            log_file: file.map(PathBuf::from),
            color: Color::Never,
            progress: TransferDisplay::None,
        }
    }
}

/// The least important level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::OFF,
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
    /// The format of Go's logrus, used under `ec`.
    #[value(skip)]
    Logrus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Decides for a stream; `NO_COLOR` is honoured.
    pub(super) fn decide(self, env: &Env, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && env.get("NO_COLOR").is_none(),
        }
    }
}

/// Starts the log and returns the display of transfers.
///
/// # Errors
/// [`Kind::Usage`] when the log file cannot be opened.
pub(super) fn init(
    flags: &LogFlags,
    data_dir: Option<&Path>,
    env: &Env,
) -> Result<Progress, Failure> {
    let mode = flags.mode(std::io::stderr().is_terminal());
    let progress = Progress::new(mode, flags.log_format == LogFormat::Json);
    let path = flags
        .log_file
        .as_deref()
        .map(|path| in_data_dir(path, data_dir));
    let file = path.as_deref().map(file::open).transpose()?;
    let ansi = file.is_none() && flags.color.decide(env, std::io::stderr().is_terminal());
    let shown = progress.clone();
    let writer = move || -> Box<dyn Write> {
        match file.as_ref().and_then(|file| file.try_clone().ok()) {
            Some(file) => Box::new(LogFile(file, AboveBars(shown.clone()))),
            None => Box::new(AboveBars(shown.clone())),
        }
    };
    let log = fmt::layer().with_target(false).with_ansi(ansi);
    // Libraries log headers and addresses below this level, and a secret may be among them.
    let own = LevelFilter::from(flags.level());
    let targets = Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), own);
    let all = tracing_subscriber::registry().with(targets);
    let started = match flags.log_format {
        LogFormat::Text => {
            let log = log.without_time().fmt_fields(sanitized::SafeFields);
            all.with(log.with_writer(writer)).try_init()
        }
        LogFormat::Json => {
            let writer = move || sanitized::Json(writer());
            all.with(log.event_format(json::JsonLine).with_writer(writer))
                .try_init()
        }
        LogFormat::Logrus => {
            let writer = move || sanitized::Json(writer());
            all.with(log.event_format(logrus::LogrusLine).with_writer(writer))
                .try_init()
        }
    };
    match started {
        Ok(()) => Ok(progress),
        Err(error) => Err(Failure::message(Kind::Bug, error)),
    }
}

/// A log file; a line that it does not take, on a full disk, goes to standard error.
struct LogFile(File, AboveBars);

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write_all(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => self.1.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Standard error, on which bars may be drawn.
struct AboveBars(Progress);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Prints the message of the argument parser: help and version unchanged, an error without the
/// control characters that a value may have brought in.
#[expect(
    clippy::print_stderr,
    reason = "the log is not started when arguments are wrong"
)]
pub(super) fn usage(error: &clap::Error) {
    let message = error.render().to_string();
    match text::lines(&message) {
        Cow::Owned(shown) if error.use_stderr() => eprint!("{shown}"),
        // A closed standard error cannot be reported on itself.
        _ => drop(error.print()),
    }
}

/// Removes the advice to pass an unknown flag as a value behind `--`: it is a flag of another command, or a typing error.
pub(super) fn without_value_tips(error: &mut clap::Error) {
    let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) else {
        return;
    };
    let kept: Vec<_> = tips
        .iter()
        .filter(|tip| !tip.to_string().starts_with("to pass "))
        .cloned()
        .collect();
    match kept.is_empty() {
        true => error.remove(ContextKind::Suggested),
        false => error.insert(ContextKind::Suggested, ContextValue::StyledStrs(kept)),
    };
}

/// Writes the failure to the log.
pub(super) fn record(failure: &Failure) {
    let (cause, code) = (failure.cause(), failure.kind().exit_code());
    match failure.next() {
        Some(hint) => tracing::error!(hint, exitCode = code, "{cause}"),
        None => tracing::error!(exitCode = code, "{cause}"),
    }
}

/// Shows the failure on standard error, also when the log goes elsewhere or is off; a log file has
/// it too.
#[expect(
    clippy::print_stderr,
    reason = "the one place where a failure is shown"
)]
pub(super) fn report(failure: &Failure, flags: &LogFlags) {
    if failure.is_already_shown() {
        return;
    }
    if flags.is_in_file() {
        record(failure);
    }
    match flags.log_format {
        LogFormat::Text | LogFormat::Logrus => {
            let colored = match flags.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => {
                    std::io::stderr().is_terminal() && Env::of_process().get("NO_COLOR").is_none()
                }
            };
            let (cause, hint) = (failure.safe_cause(), failure.safe_hint());
            let (red, blue, end) = match colored {
                true => ("\u{1b}[1;31m", "\u{1b}[1;36m", "\u{1b}[0m"),
                false => ("", "", ""),
            };
            eprintln!("{red}error:{end} {cause}");
            if let Some(hint) = hint {
                eprintln!("{blue}hint:{end} {hint}");
            }
        }
        LogFormat::Json => {
            let line = json::failure(failure);
            eprintln!("{}", text::json(&line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_for_people_at_a_terminal() {
        let mode = |progress, log_format, terminal| {
            let flags = LogFlags {
                log_level: LogLevel::Info,
                say_more: false,
                say_less: false,
                log_format,
                log_file: None,
                color: Color::Auto,
                progress,
            };
            flags.mode(terminal)
        };
        assert_eq!(
            mode(TransferDisplay::Auto, LogFormat::Text, true),
            ProgressMode::Bars
        );
        assert_eq!(
            mode(TransferDisplay::Auto, LogFormat::Text, false),
            ProgressMode::Lines
        );
        assert_eq!(
            mode(TransferDisplay::Auto, LogFormat::Json, true),
            ProgressMode::Lines
        );
        assert_eq!(
            mode(TransferDisplay::Plain, LogFormat::Text, true),
            ProgressMode::Lines
        );
        assert_eq!(
            mode(TransferDisplay::None, LogFormat::Json, true),
            ProgressMode::Quiet
        );
    }
}
