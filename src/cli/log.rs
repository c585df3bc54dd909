//! The log on standard error or in a file, and how a failure is shown.

use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use tracing_subscriber::{filter::LevelFilter, fmt};

use crate::{
    env::Env,
    failure::{Failure, Kind},
};

/// The global flags about the log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Flags {
    /// What to log on standard error
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: Level,
    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: Format,
    /// Write the log to this file (appended) instead of standard error
    #[arg(long, global = true, value_name = "PATH")]
    log_file: Option<PathBuf>,
    /// When to colour the log and reports
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
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

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// When output is coloured.
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

/// Starts the log.
///
/// # Errors
/// [`Kind::Usage`] when the log file cannot be opened.
pub(super) fn init(flags: &Flags, env: &Env) -> Result<(), Failure> {
    let file = flags.log_file.as_deref().map(open).transpose()?;
    let ansi = file.is_none() && flags.color.decide(env, std::io::stderr().is_terminal());
    let writer = move || -> Box<dyn Write> {
        match file.as_ref().and_then(|file| file.try_clone().ok()) {
            Some(file) => Box::new(file),
            None => Box::new(std::io::stderr()),
        }
    };
    let log = fmt()
        .with_max_level(LevelFilter::from(flags.log_level))
        .with_target(false)
        .with_ansi(ansi)
        .with_writer(writer);
    let started = match flags.log_format {
        Format::Text => log.without_time().try_init(),
        Format::Json => log.json().try_init(),
    };
    started.map_err(|error| Failure::message(Kind::Bug, error))
}

fn open(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("cannot write {}", path.display()))
    })
}

/// Prints the failure to standard error, also when the log goes elsewhere or is off.
#[expect(
    clippy::print_stderr,
    reason = "the one place where a failure is shown"
)]
pub(super) fn report(failure: &Failure, format: Format) {
    match format {
        Format::Text => eprintln!("error: {failure}"),
        Format::Json => {
            let line = serde_json::json!({
                "level": "ERROR",
                "message": failure.to_string(),
                "exitCode": failure.kind().exit_code(),
            });
            eprintln!("{line}");
        }
    }
}
