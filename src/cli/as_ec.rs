//! Runs `ec` as upstream's program does: its start, log, exit codes and failures.

use std::{io::IsTerminal as _, io::Write as _, process::ExitCode, sync::Arc};

use super::{Global, RunBounds, hosts, log, start::start};
use crate::{
    commands::ec::{self, EcCall, Usage, decide_color, in_go},
    env::Env,
    failure::{Failure, Kind},
    text,
};

/// Runs a command of `ec` and returns its exit code: 0 or 1.
pub(super) fn run(
    mut global: Global,
    args: ec::Args,
    mut env: Env,
    known: &[&'static str],
) -> ExitCode {
    let registries = hosts::registries_of_arguments(&args.arguments);
    let hosts = hosts::repositories_of_arguments(&args.arguments);
    let call = match EcCall::parse(args.arguments) {
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
        (_, true) => log::LogLevel::Debug,
        (true, false) => log::LogLevel::Error,
        (false, false) => log::LogLevel::Warn,
    };
    if !root.kubeconfig.is_empty() {
        env.set_kubeconfig(root.kubeconfig.as_str().into());
    }
    let file = Some(root.logfile.as_str()).filter(|file| !file.is_empty());
    global.log = log::LogFlags::of_ec(level, file);
    let limit = Some(root.timeout).filter(|limit| !limit.is_zero());
    let color = decide_color(&env, std::io::stdout().is_terminal());
    let mut bounds = RunBounds::new(None, global.memory);
    bounds.time = limit.map(|limit| (limit, too_long(limit)));
    let known: Vec<_> = known.to_vec();
    let global = Arc::new(global);
    let git_unchecked = env.get("GIT_SSL_NO_VERIFY").is_some_and(is_true);
    let done = bounds.run(move |stop| {
        start(&global, env, &known, stop, |mut context| async move {
            context.color = color;
            if git_unchecked {
                tracing::warn!("GIT_SSL_NO_VERIFY: the certificates of Git hosts are not checked");
                context.git = context.git.without_certificate_checks();
            }
            hosts
                .iter()
                .for_each(|url| context.git.trust_with_credentials(url));
            context.registry.trust_hosts(registries);
            call.run(&context).await
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure.cause()),
    }
}

/// Tells whether git takes a value for a true one (`git help config`, "boolean").
fn is_true(value: &str) -> bool {
    let words = ["true", "yes", "on"];
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
        || value.parse::<i64>().is_ok_and(|number| number != 0)
}

/// Returns upstream's message about its time limit.
fn too_long(limit: std::time::Duration) -> Failure {
    let limit = in_go(limit);
    let text = format!(
        "exceeded allowed execution time of {limit}, the timeout can be adjusted using the --timeout command line argument"
    );
    Failure::message(Kind::Remote, text)
}

#[expect(clippy::print_stderr, reason = "as upstream prints its failures")]
fn failed(message: &str) -> ExitCode {
    eprintln!("Error: {}", text::lines(message));
    ExitCode::FAILURE
}
