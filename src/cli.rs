//! The command line: global flags, the table of commands, and what holds for every flag.
//!
//! Two rules are applied to all commands at once, so that none can forget them: every flag
//! has an environment variable `PROMOTE_<FLAG>` (those that weaken a check do not), and every
//! boolean takes `=true|false`.

use std::{
    ffi::OsString,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{
    Arg, ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};

use crate::{
    clock::Clock,
    commands::{Context, Outcome},
    env::Env,
    failure::{Failure, Kind, OrFail as _},
    http::{HostPort, Http, Options},
    tekton::ResultFlag,
};

/// Promote verified container images to production.
///
/// One digest is bound from the Git tag to the deployment: each step refuses what the step
/// before did not vouch for.
#[derive(Debug, Parser)]
#[command(
    name = "promote",
    version,
    propagate_version = true,
    subcommand_required = true
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// What to log on standard error
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Write the log to this file (appended) instead of standard error
    #[arg(long, global = true, value_name = "PATH")]
    log_file: Option<PathBuf>,
    /// When to colour the log and reports
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// Trust the certificate authorities of this PEM file besides the system's
    #[arg(long, global = true, value_name = "PATH")]
    ca_file: Vec<PathBuf>,
    /// Talk plain HTTP to this host; loopback hosts always do
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    plain_http: Vec<HostPort>,
    /// Do not check this host's certificate
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    insecure_skip_tls_verify: Vec<HostPort>,
    /// Read registry credentials from this file before all others
    #[arg(long, global = true, value_name = "PATH")]
    authfile: Option<PathBuf>,
    /// Read Git credentials from this directory before all others
    #[arg(long, global = true, value_name = "DIR")]
    git_credentials_dir: Option<PathBuf>,
    /// Stop the whole run after this time, such as 90s or 5m
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Read and write hand-over files and reports by their default names in this directory
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Write the Tekton result NAME to PATH
    #[arg(long, global = true, value_name = "NAME=PATH")]
    result: Vec<ResultFlag>,
    /// Write every Tekton result to DIR/NAME
    #[arg(long, global = true, value_name = "DIR")]
    results_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the reference of all commands (docs/cli.md) to standard output
    #[command(hide = true)]
    Docs,
}

impl Command {
    async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let _ = context;
        match self {
            Self::Docs => Ok(Outcome::default()),
        }
    }
}

/// `90s`, `5m`, `1h30m` or, as a plain number, seconds.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    let parsed = parsed.ok().and_then(|span| Duration::try_from(span).ok());
    parsed.ok_or_else(|| "expected a duration such as 90s, 5m or 1h30m".to_owned())
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    let env = Env::of_process();
    let arguments = arguments(std::env::args_os().collect());
    let matches = match command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to standard output with 0, usage errors to standard error with 2.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(Kind::Usage.exit_code());
        }
    };
    let (global, command) = (cli.global, cli.command);
    match start(&global, command, env) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, &global);
            ExitCode::from(failure.kind().exit_code())
        }
    }
}

fn start(global: &Global, command: Command, env: Env) -> Result<(), Failure> {
    init_log(global, &env)?;
    let context = context(global, env)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_fail(Kind::Bug)?;
    let outcome = runtime.block_on(async {
        let run = command.run(&context);
        match global.timeout {
            None => run.await,
            Some(limit) => match tokio::time::timeout(limit, run).await {
                Ok(done) => done,
                Err(_) => Err(Failure::message(
                    Kind::Remote,
                    format!("the run took longer than --timeout {limit:?}"),
                )),
            },
        }
    });
    // Blocking work that outlives its time limit must not keep the process alive.
    runtime.shutdown_background();
    finish(global, outcome?)
}

/// Writes the results and standard output, then fails if the command did.
fn finish(global: &Global, outcome: Outcome) -> Result<(), Failure> {
    let dir = global.results_dir.as_deref();
    let written = outcome
        .results
        .write(&global.result, dir)
        .or_fail(Kind::Usage);
    let shown = std::io::stdout().lock().write_all(&outcome.stdout);
    if let Some(failure) = outcome.failure {
        return Err(failure);
    }
    written?;
    match shown {
        // A reader such as `head` that went away is no failure of ours.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Usage, error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

fn context(global: &Global, env: Env) -> Result<Context, Failure> {
    for host in &global.insecure_skip_tls_verify {
        tracing::warn!(?host, "the certificate of this host is not checked");
    }
    let options = Options {
        ca_files: global.ca_file.clone(),
        plain_http: global.plain_http.clone(),
        insecure: global.insecure_skip_tls_verify.clone(),
    };
    Ok(Context {
        clock: Clock::new(&env).or_fail(Kind::Usage)?,
        http: Http::new(options, &env),
        env,
        data_dir: global.data_dir.clone(),
        authfile: global.authfile.clone(),
        git_credentials_dir: global.git_credentials_dir.clone(),
    })
}

fn init_log(global: &Global, env: &Env) -> Result<(), Failure> {
    use tracing_subscriber::{filter::LevelFilter, fmt};
    let level = match global.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let file = global.log_file.as_deref().map(open_log).transpose()?;
    let ansi = file.is_none() && colored(global.color, env, std::io::stderr().is_terminal());
    let writer = move || -> Box<dyn std::io::Write> {
        match file.as_ref().and_then(|file| file.try_clone().ok()) {
            Some(file) => Box::new(file),
            None => Box::new(std::io::stderr()),
        }
    };
    let builder = fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(ansi)
        .with_writer(writer);
    let set = match global.log_format {
        LogFormat::Text => builder.without_time().try_init(),
        LogFormat::Json => builder.json().without_time().try_init(),
    };
    set.map_err(|error| Failure::message(Kind::Bug, error))
}

fn open_log(path: &Path) -> Result<std::fs::File, Failure> {
    let opened = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    opened.map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("cannot write {}", path.display()))
    })
}

fn colored(when: Color, env: &Env, terminal: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && env.get("NO_COLOR").is_none(),
    }
}

/// Prints the failure to standard error, also when the log goes elsewhere or is off.
#[expect(
    clippy::print_stderr,
    reason = "the one place where a failure is shown"
)]
fn report(failure: &Failure, global: &Global) {
    match global.log_format {
        LogFormat::Text => eprintln!("error: {failure}"),
        LogFormat::Json => {
            let line = serde_json::json!({
                "level": "ERROR",
                "message": failure.to_string(),
                "exitCode": failure.kind().exit_code(),
            });
            eprintln!("{line}");
        }
    }
}

/// The whole command line, as it is parsed and documented.
#[must_use]
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    rule(command, false)
}

/// Applies the rules for every flag to the command and its subcommands.
fn rule(command: clap::Command, below: bool) -> clap::Command {
    let names: Vec<_> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let mut command = command.mut_args(move |argument| rule_argument(argument, below));
    for name in names {
        command = command.mut_subcommand(name, |sub| rule(sub, true));
    }
    command
}

fn rule_argument(argument: Arg, below: bool) -> Arg {
    let argument = match argument.get_action() {
        ArgAction::SetTrue => argument
            .action(ArgAction::Set)
            .value_parser(clap::value_parser!(bool))
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true),
        _ => argument,
    };
    match argument.get_long() {
        // A global flag is known to clap at the top; its copies below must not read it again.
        Some(_) if below && argument.is_global_set() => argument,
        Some(long) if has_variable(long) => {
            let name = variable(long);
            argument.env(name).hide_env_values(true)
        }
        _ => argument,
    }
}

/// Flags that weaken a check stand on the command line only.
fn has_variable(long: &str) -> bool {
    let weakens = [
        "unverified",
        "ignore-rekor",
        "plain-http",
        "strict",
        "compat",
    ];
    let families = ["insecure-", "allow-", "skip-"];
    !weakens.contains(&long)
        && !families.iter().any(|family| long.starts_with(family))
        && !["help", "version"].contains(&long)
}

fn variable(long: &str) -> String {
    format!("PROMOTE_{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// Maps the name by which the program was called and drops flags with an empty value.
///
/// A Tekton Task has no shell: an optional param arrives as `--flag=`.
fn arguments(given: Vec<OsString>) -> Vec<OsString> {
    let mut given = given.into_iter();
    let program = given.next().unwrap_or_default();
    let called = Path::new(&program)
        .file_name()
        .and_then(|name| name.to_str());
    let applet = called.filter(|name| command().find_subcommand(name).is_some());
    let mut arguments = vec![OsString::from("promote")];
    arguments.extend(applet.map(OsString::from));
    let mut positional = false;
    for argument in given {
        let text = argument.to_str().unwrap_or_default();
        positional |= text == "--";
        let empty = text.starts_with("--") && text.len() > 3 && text.ends_with('=');
        if positional || !empty || text[..text.len() - 1].contains('=') {
            arguments.push(argument);
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(given: &[&str]) -> Vec<String> {
        let given = given.iter().map(OsString::from).collect();
        let arguments = arguments(given).into_iter();
        arguments
            .map(|argument| argument.into_string().unwrap())
            .collect()
    }

    #[test]
    fn drops_empty_values_before_the_positional_ones() {
        let given = ["promote-v1", "x", "--a=", "--b=1", "--c==", "--", "--d="];
        assert_eq!(
            texts(&given),
            ["promote", "x", "--b=1", "--c==", "--", "--d="]
        );
    }

    #[test]
    fn every_flag_is_well_formed() {
        command().debug_assert();
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
    fn reads_durations() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("soon").is_err());
        assert!(duration("-5m").is_err());
    }
}
