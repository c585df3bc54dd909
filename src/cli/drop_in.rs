//! `ec`: how upstream's program starts, logs, ends and fails, around its commands.

use std::{io::IsTerminal as _, io::Write as _, process::ExitCode};

use super::{Global, hosts, log, start};
use crate::{
    commands::ec::{self, Call, Usage, decide_color, in_go},
    env::Env,
    failure::{Failure, Kind},
    text,
};

/// Runs a command of `ec` and gives its exit code: 0 or 1.
pub(super) fn run(mut global: Global, args: ec::Args, env: Env, known: &[&str]) -> ExitCode {
    let hosts = hosts::of_arguments(&args.arguments);
    let call = match Call::parse(args.arguments) {
        Ok(call) => call,
        Err(Usage::Help(text)) => {
            return match std::io::stdout().lock().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        Err(Usage::Wrong(message)) => return failed(&message),
    };
    let root = &call.root;
    let level = match (
        root.quiet,
        root.verbose || root.debug || root.trace != "none",
    ) {
        (_, true) => log::Level::Debug,
        (true, false) => log::Level::Error,
        (false, false) => log::Level::Warn,
    };
    let file = Some(root.logfile.as_str()).filter(|file| !file.is_empty());
    global.log = log::Flags::of_ec(level, file);
    let limit = Some(root.timeout).filter(|limit| !limit.is_zero());
    let color = decide_color(&env, std::io::stdout().is_terminal());
    // The limit is counted here, because what is said of it is upstream's.
    let done = start(&global, env, known, None, |mut context| async move {
        context.color = color;
        hosts
            .iter()
            .for_each(|url| context.git.trust_with_credentials(url));
        let run = call.run(&context);
        let Some(limit) = limit else {
            return run.await;
        };
        match tokio::time::timeout(limit, run).await {
            Ok(done) => done,
            Err(_) => {
                let limit = in_go(limit);
                let text = format!(
                    "exceeded allowed execution time of {limit}, the timeout can be adjusted using the --timeout command line argument"
                );
                Err(Failure::message(Kind::Remote, text))
            }
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure.cause()),
    }
}

#[expect(clippy::print_stderr, reason = "as upstream says why it fails")]
fn failed(message: &str) -> ExitCode {
    eprintln!("Error: {}", text::lines(message));
    ExitCode::FAILURE
}
