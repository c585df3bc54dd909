//! The log on standard error or in a file, and how a failure is shown.

mod file;
mod json;
mod logrus;
mod shown;

use std::{
    borrow::Cow,
    io::{IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
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
    progress::{Mode, Progress},
    text,
};

/// The global flags about the log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Flags {
    /// The least important level to log on standard error
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: Level,
    /// Log each request and decision too, as --log-level debug
    #[arg(short = 'v', global = true)]
    say_more: bool,
    /// Log errors only, as --log-level error
    #[arg(short = 'q', global = true)]
    say_less: bool,
    /// Write log lines as text, or as one JSON object each
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: Format,
    /// Write the log to this file (appended) instead of standard error; file:NAME is in the data directory
    ///
    /// A refusal that a report on standard output explains is written there too, so that a step's
    /// log can hold the report alone.
    #[arg(long, global = true, value_name = "PATH")]
    log_file: Option<PathBuf>,
    /// When to colour the log and reports
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
    /// How to show transfers: bars on a terminal, else log lines; log lines only; or not at all
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub(super) progress: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shown {
    Auto,
    Plain,
    None,
}

impl Flags {
    /// How transfers are shown; a log in JSON gets them as events.
    pub(super) fn mode(&self, terminal: bool) -> Mode {
        match (self.progress, self.log_format) {
            (Shown::None, _) => Mode::Quiet,
            (Shown::Auto, Format::Text) if terminal => Mode::Bars,
            (Shown::Auto | Shown::Plain, _) => Mode::Lines,
        }
    }

    /// The least important level, with the short flags.
    fn level(&self) -> Level {
        match (self.say_more, self.say_less) {
            (true, _) if self.log_level == Level::Trace => Level::Trace,
            (true, _) => Level::Debug,
            (false, true) => Level::Error,
            (false, false) => self.log_level,
        }
    }

    /// Tells whether the log goes to a file.
    pub(super) fn is_in_file(&self) -> bool {
        self.log_file.is_some()
    }

    /// Returns flags for a log in the format of upstream's `ec`.
    pub(super) fn of_ec(level: Level, file: Option<&str>) -> Self {
        Self {
            log_level: level,
            say_more: false,
            say_less: false,
            log_format: Format::Logrus,
            log_file: file.map(PathBuf::from),
            color: Color::Never,
            progress: Shown::None,
        }
    }
}

/// The least important level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
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
pub(super) fn init(flags: &Flags, data_dir: Option<&Path>, env: &Env) -> Result<Progress, Failure> {
    let mode = flags.mode(std::io::stderr().is_terminal());
    let progress = Progress::new(mode, flags.log_format == Format::Json);
    let path = flags
        .log_file
        .as_deref()
        .map(|path| in_data_dir(path, data_dir));
    let file = path.as_deref().map(file::open).transpose()?;
    let ansi = file.is_none() && flags.color.decide(env, std::io::stderr().is_terminal());
    let shown = progress.clone();
    let writer = move || -> Box<dyn Write> {
        match file.as_ref().and_then(|file| file.try_clone().ok()) {
            Some(file) => Box::new(file),
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
        Format::Text => {
            let log = log.without_time().fmt_fields(shown::Fields);
            all.with(log.with_writer(writer)).try_init()
        }
        Format::Json => {
            let writer = move || shown::Json(writer());
            all.with(log.event_format(json::Line).with_writer(writer))
                .try_init()
        }
        Format::Logrus => {
            let writer = move || shown::Json(writer());
            all.with(log.event_format(logrus::Line).with_writer(writer))
                .try_init()
        }
    };
    match started {
        Ok(()) => Ok(progress),
        Err(error) => Err(Failure::message(Kind::Bug, error)),
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
pub(super) fn report(failure: &Failure, flags: &Flags) {
    if failure.is_told() {
        return;
    }
    if flags.is_in_file() {
        record(failure);
    }
    match flags.log_format {
        Format::Text | Format::Logrus => {
            let colored = match flags.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => {
                    std::io::stderr().is_terminal() && Env::of_process().get("NO_COLOR").is_none()
                }
            };
            let (cause, hint) = (failure.shown(), failure.shown_hint());
            let (red, blue, end) = match colored {
                true => ("\u{1b}[1;31m", "\u{1b}[1;36m", "\u{1b}[0m"),
                false => ("", "", ""),
            };
            eprintln!("{red}error:{end} {cause}");
            if let Some(hint) = hint {
                eprintln!("{blue}hint:{end} {hint}");
            }
        }
        Format::Json => {
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
            let flags = Flags {
                log_level: Level::Info,
                say_more: false,
                say_less: false,
                log_format,
                log_file: None,
                color: Color::Auto,
                progress,
            };
            flags.mode(terminal)
        };
        assert_eq!(mode(Shown::Auto, Format::Text, true), Mode::Bars);
        assert_eq!(mode(Shown::Auto, Format::Text, false), Mode::Lines);
        assert_eq!(mode(Shown::Auto, Format::Json, true), Mode::Lines);
        assert_eq!(mode(Shown::Plain, Format::Text, true), Mode::Lines);
        assert_eq!(mode(Shown::None, Format::Json, true), Mode::Quiet);
    }
}
