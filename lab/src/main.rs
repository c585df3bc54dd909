//! The laptop universe on the command line.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Result, anyhow};
use clap::{Parser, Subcommand};
use lab::{
    binary::{self, Missing},
    demo, registry, release, serve, tekton,
};

/// Servers, keys and artefacts of a promotion, all on this machine
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Cli {
    /// The promote to use, instead of the one beside this program
    #[arg(long, global = true, value_name = "PATH")]
    promote: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Release(release::Args),
    /// Run Tekton resources on this machine
    #[command(subcommand)]
    Tekton(Tekton),
    /// Run the embedded registry alone, until it is interrupted
    Registry {
        /// Where to listen; port 0 picks a free one
        #[arg(long, default_value = "127.0.0.1:0", value_name = "HOST:PORT")]
        listen: SocketAddr,
        /// Do without the referrers API, as older registries
        #[arg(long)]
        no_referrers: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Tekton {
    Run(tekton::command::Args),
    /// Run the test cases of Tasks: Pipelines that set up, run and check
    Test {
        /// Files with test cases, or directories of such files
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(if error.is::<Missing>() { 2 } else { 1 })
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let promote = || binary::promote(cli.promote.as_deref());
    match cli.command {
        Command::Demo(args) => demo::run(&args, promote),
        Command::Tekton(Tekton::Run(args)) => {
            let colour = demo::has_colours(&io::stderr());
            let run = tekton::command::run(&args, promote()?, colour);
            // What fails while it runs is in its status: an error is a refusal of the input.
            run.map_err(|error| anyhow!(Missing(format!("{error:#}"))))
        }
        Command::Release(args) => {
            release::run(&args, &promote()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Tekton(Tekton::Test { paths }) => test(&paths, &promote()?),
        Command::Serve(args) => {
            let _serving = serve::start(&args, &promote()?)?;
            until_interrupted()
        }
        Command::Registry {
            listen,
            no_referrers,
        } => {
            let options = registry::Options {
                listen,
                referrers: !no_referrers,
                ..registry::Options::default()
            };
            let server = registry::Server::start(options).map_err(|error| {
                anyhow!(Missing(format!("cannot listen on {listen}: {error:#}")))
            })?;
            writeln!(io::stdout(), "{}", server.address())?;
            until_interrupted()
        }
    }
}

/// Runs the cases one after the other: 1 when one did not pass.
fn test(paths: &[PathBuf], promote: &std::path::Path) -> Result<ExitCode> {
    let mut failed = false;
    for path in paths {
        let cases = match path.is_dir() {
            true => tekton::cases::cases(path)?,
            false => vec![path.clone()],
        };
        for case in cases {
            match tekton::cases::run(&case, promote) {
                Ok(()) => writeln!(io::stdout(), "ok      {}", case.display())?,
                Err(error) => {
                    failed = true;
                    writeln!(io::stdout(), "FAILED  {}: {error:#}", case.display())?;
                }
            }
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// Waits for Ctrl-C or SIGTERM, so that temporary directories are taken away.
fn until_interrupted() -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}
