//! The start and end of a command: its context, the runtime, its results and standard output.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use super::{Global, bounds, environment, log};
use crate::{
    clock::Clock,
    commands::{Context, Outcome, write_file},
    env::Env,
    failure::{Failure, Kind, OrFail as _},
    git::{Credentials, Git},
    http::{self, Http, HttpOptions},
    progress::Progress,
    registry::{self, Registry},
    tekton::{Results, docker_dir},
};

/// Runs the command with its context, until it ends or a bound is exceeded.
pub(super) fn start<F: Future<Output = Result<Outcome, Failure>>>(
    global: &Global,
    env: Env,
    known_results: &[&str],
    stop: bounds::Stop,
    command: impl FnOnce(Context) -> F,
) -> Result<(), Failure> {
    let progress = log::init(&global.log, global.data_dir.as_deref(), &env)?;
    environment::warn(&env);
    // An unknown result name is refused before the command does anything.
    Results::check_names(&global.result, known_results).or_fail(Kind::Usage)?;
    let context = context(global, env, progress.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_fail(Kind::Bug)?;
    runtime.spawn(async move {
        if bounds::interruption().await.is_ok() {
            bounds::interrupt(&progress.left_behind());
        }
    });
    let run = Box::pin(command(context));
    let outcome = runtime.block_on(bounds::until_stopped(run, stop));
    // Blocking work that outlives its time limit must not keep the process alive.
    runtime.shutdown_background();
    // The main thread has the reason.
    let outcome = outcome.unwrap_or_else(|| Err(Failure::message(Kind::Remote, "stopped")))?;
    debug_assert!(
        outcome
            .results
            .names()
            .all(|name| known_results.contains(&name))
    );
    finish(global, outcome)
}

/// Writes the results and standard output, then fails if the command did.
fn finish(global: &Global, outcome: Outcome) -> Result<(), Failure> {
    let dir = global.results_dir.as_deref();
    let flags = match outcome.failure {
        None => global.result.clone(),
        Some(_) => outcome.results.set_among(&global.result),
    };
    let files = outcome.results.files(&flags, dir);
    let written = files.or_fail(Kind::Usage).and_then(|files| {
        let mut files = files.into_iter();
        files.try_for_each(|(path, value)| write_file(&path, value.as_bytes()))
    });
    let shown = std::io::stdout().lock().write_all(&outcome.stdout);
    match outcome.failure {
        // The report explains the refusal, the log repeats it.
        Some(failure) if global.log.is_in_file() && !outcome.stdout.is_empty() => {
            log::record(&failure);
            return Err(failure.already_shown());
        }
        Some(failure) => return Err(failure),
        None => {}
    }
    written?;
    match shown {
        // A reader such as `head` that closed the pipe is not a failure of this program.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Usage, error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Refuses a file or directory that a flag names and that cannot be used, even if this run would
/// not read it: a later refusal would not name it.
fn check_named(global: &Global) -> Result<(), Failure> {
    let authfile = global.authfile.iter().map(|path| ("--authfile", path));
    let authorities = global.ca_file.iter().map(|path| ("--ca-file", path));
    let git = global.git_credentials_dir.iter();
    let git = git.map(|path| ("--git-credentials-dir", path));
    let cluster = global.kubeconfig.iter();
    let cluster = cluster.map(|path| ("--kubeconfig", path));
    for (flag, path) in authfile.chain(authorities).chain(git).chain(cluster) {
        let found = path.metadata().and_then(|found| {
            // A pipe must not be opened twice.
            match found.is_file() || found.is_dir() {
                true => std::fs::File::open(path).map(drop),
                false => Ok(()),
            }
        });
        if let Err(error) = found {
            let text = format!("{flag} {}", path.display());
            return Err(match error.kind() {
                ErrorKind::NotFound => {
                    Failure::message(Kind::NotFound, format!("{text} does not exist"))
                }
                _ => Failure::new(Kind::Usage, error).context(text),
            });
        }
    }
    Ok(())
}

/// Tells whether the path is a file or directory, which may be read more than once; a pipe may not.
fn is_plain(path: &std::path::Path) -> bool {
    path.is_file() || path.is_dir()
}

pub(super) fn context(global: &Global, env: Env, progress: Progress) -> Result<Context, Failure> {
    check_named(global)?;
    for host in &global.insecure_skip_tls_verify {
        tracing::warn!(?host, "the certificate of this host is not checked");
    }
    let options = HttpOptions {
        ca_files: global.ca_file.clone(),
        only_ca_files: false,
        plain_http: global.plain_http.clone(),
        https: global.https.clone(),
        insecure: global.insecure_skip_tls_verify.clone(),
        ..HttpOptions::default()
    };
    let http = Http::new(options, &env);
    for path in &global.ca_file {
        if is_plain(path) {
            http::check_authorities(path).or_fail(Kind::Usage)?;
        }
    }
    let registries = registry::ClientOptions {
        authfile: global.authfile.clone(),
        last_auth_dir: Some(docker_dir()),
        progress,
        ..registry::ClientOptions::default()
    };
    let credentials = Credentials::new(global.git_credentials_dir.as_deref(), &env);
    let color = global
        .log
        .color
        .decide(&env, std::io::stdout().is_terminal());
    if let Some(path) = global.authfile.as_ref().filter(|path| is_plain(path)) {
        registry::check_authfile(path).or_fail(Kind::Usage)?;
    }
    let registry = Registry::new(http.clone(), &env, registries);
    if env.get("KUBERNETES_SERVICE_HOST").is_some() {
        registry.in_pod();
    }
    Ok(Context {
        color,
        clock: Clock::new(&env).or_fail(Kind::Usage)?,
        registry,
        git: Git::new(http.clone(), credentials),
        http,
        env,
        data_dir: global.data_dir.clone(),
    })
}
