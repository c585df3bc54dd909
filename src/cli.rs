//! The command line: the global flags, the table of commands, and how the program starts and ends.

mod arguments;
mod as_ec;
mod bounds;
mod environment;
mod hosts;
mod log;
#[cfg(test)]
mod soak;
mod start;

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

pub use arguments::WITH_VARIABLE;
use bounds::RunBounds;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use start::start;

use crate::{
    budget::Size,
    commands::{
        Context, Outcome, attest, bundle, commit_status, completions, copy_image, doctor, drop_in,
        ec, extract_tag, gather_images, help, init, inspect, lint, man, plan_release, policy,
        release_status, render, report, run, test_output, trust, update_deployment, verify_ec, why,
    },
    env::Env,
    failure::{Failure, Kind},
    http::HostPort,
    tekton::ResultFlag,
    text,
};

/// Promote verified container images to production
///
/// One digest is bound from the Git tag to the deployment: each step takes exactly what the step before it
/// accepted, and refuses everything else.
#[derive(Debug, Parser)]
#[command(
    name = "promote",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
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
    #[command(flatten)]
    log: log::LogFlags,
    /// Trust also the certificate authorities in this PEM file, or in the files of this directory
    #[arg(long, global = true, value_name = "PATH")]
    ca_file: Vec<PathBuf>,
    /// Use plain HTTP for this host; loopback hosts always use it
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    plain_http: Vec<HostPort>,
    /// Use TLS for this loopback host
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    https: Vec<HostPort>,
    /// Do not verify this host's certificate
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    insecure_skip_tls_verify: Vec<HostPort>,
    /// Look for registry credentials first in this file, or in config.json or .dockerconfigjson of this directory
    #[arg(long, global = true, value_name = "PATH")]
    authfile: Option<PathBuf>,
    /// Look for Git credentials first in this directory
    #[arg(long, global = true, value_name = "DIR")]
    git_credentials_dir: Option<PathBuf>,
    /// The kubeconfig of the cluster to read [default: the pod's cluster, else KUBECONFIG or ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Stop the whole run after this time, such as 90s or 5m
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Use at most this much memory, such as 512Mi [default: the container's limit minus 64 MiB, or 1 GiB without a limit]
    #[arg(long, global = true, value_name = "SIZE")]
    memory: Option<Size>,
    /// The directory for hand-over files and reports that have their default names
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Write the Tekton result NAME to PATH
    #[arg(long, global = true, value_name = "NAME=PATH")]
    result: Vec<ResultFlag>,
    /// Write every Tekton result to DIR/NAME
    #[arg(long, global = true, value_name = "DIR")]
    results_dir: Option<PathBuf>,
}

impl Global {
    /// Takes the global flags that the params of a Task imply.
    fn merge_implied(&mut self, own: drop_in::Globals) {
        let unchecked = own.unchecked.iter().filter_map(|host| host.parse().ok());
        self.insecure_skip_tls_verify.extend(unchecked);
        self.git_credentials_dir = own.git_credentials.or(self.git_credentials_dir.take());
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the Git tag from a release or tag event, and derive the image tag from it
    ExtractTag(extract_tag::Args),
    /// Find the images built for a Git tag, pin them to digests, and write images.json
    GatherImages(gather_images::Args),
    /// Compute where a Konflux release puts each image of a Snapshot; write images.json and release.json
    PlanRelease(plan_release::Args),
    /// Verify signatures, attestations and policy of every image; write reports and verified.json
    VerifyEc(verify_ec::Args),
    /// Copy or re-tag exactly the verified digests with their attached artifacts; write promoted.json
    CopyImage(copy_image::Args),
    /// Attach an evidence bundle, a verification summary and a promotion statement to each promoted image
    Attest(attest::Args),
    /// Write the promoted digests into the GitOps repository and push
    UpdateDeployment(update_deployment::Args),
    /// Set a commit status on the Git host that shows the state of a promotion
    CommitStatus(commit_status::Args),
    /// Run all steps of a promotion in one process, in the order of the Pipeline
    Run(Box<run::Args>),
    /// Check credentials, permissions, key, policy and the GitOps edit before a promotion
    ///
    /// Takes the options of run, or its configuration file, and prints a line for each check. Changes nothing: the
    /// upload that tests the permission to push is cancelled.
    Doctor(Box<doctor::Args>),
    /// Write promote.yaml, a first policy with its test, and a trigger for the repository in this directory
    ///
    /// Never replaces a file. Values that are not given are marked in promote.yaml, to be filled in.
    Init(init::Args),
    /// Copy a kustomize, Helm or plain directory and fill in the digests of a Snapshot
    Render(render::Args),
    /// List everything that is attached to an image, and how other tools will read it
    Inspect(inspect::Args),
    /// Show how an image came to production, from its registry and the GitOps repository alone
    Why(why::Args),
    /// Check whether the tags of a Konflux release name its images, and record it in the Release
    ReleaseStatus(release_status::Args),
    /// Write the result TEST_OUTPUT of a test Pipeline from the status of its tasks
    TestOutput(test_output::Args),
    /// Fetch a trusted root, or verify signatures, attestations and bundles without a policy
    Trust(trust::Args),
    /// Check, test or list the rules of a policy
    Policy(policy::Args),
    /// Check Task, Pipeline, PipelineRun and StepAction files, and whether they fit together
    Lint(lint::Args),
    /// Print a saved JSON report, or render it in another format
    Report(report::Args),
    /// Run a command of Conforma's ec, with the same options, output and exit codes
    ///
    /// The program does the same when it is called by the name `ec`. Arguments after `ec` are parsed as Conforma parses them.
    #[command(disable_help_flag = true)]
    Ec(ec::Args),
    /// Push Tasks, Pipelines and StepActions to a registry as Tekton bundles
    Bundle(bundle::Args),
    /// Replace a Task of another catalogue, with its parameters and results
    DropIn(drop_in::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page, or write the manual pages of all commands
    Man(man::Args),
    /// Print the help of a command, or of a topic: options, variables, exit-codes, credentials
    Help(help::Args),
}

impl Command {
    async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self {
            Self::ExtractTag(args) => extract_tag::run(args, context).await,
            Self::GatherImages(args) => gather_images::run(args, context).await,
            Self::PlanRelease(args) => plan_release::run(args, context).await,
            Self::VerifyEc(args) => verify_ec::run(args, context).await,
            Self::CopyImage(args) => copy_image::run(args, context).await,
            Self::Attest(args) => attest::run(args, context).await,
            Self::UpdateDeployment(args) => update_deployment::run(args, context).await,
            Self::CommitStatus(args) => commit_status::run(args, context).await,
            Self::ReleaseStatus(args) => release_status::run(args, context).await,
            Self::TestOutput(args) => test_output::run(&args, context),
            Self::Run(args) => run::run(*args, context).await,
            Self::Doctor(args) => doctor::run(*args, context).await,
            Self::Inspect(args) => inspect::run(args, context).await,
            Self::Why(args) => why::run(args, context).await,
            Self::Trust(args) => trust::run(args, context).await,
            Self::Init(args) => init::run(&args, context),
            Self::Render(args) => render::run(args, context),
            Self::Policy(args) => policy::run(args, context).await,
            Self::Lint(args) => lint::run(&args, context, command(), ec_command()),
            Self::Report(args) => report::run(&args, context),
            Self::Ec(args) => ec::EcCall::parse(args.arguments)?.run(context).await,
            Self::Bundle(args) => bundle::run(args, context).await,
            Self::DropIn(args) => drop_in::run(args, context).await,
            Self::Completions(args) => completions::run(&args, command(), &ec_command()),
            Self::Man(args) => man::run(&args, command(), ec_command()),
            Self::Help(args) => help::run(&args, command()),
        }
    }
}

/// Parses a duration such as `90s`, `5m` or `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    text::duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a duration with its unit, such as 90s, 5m or 1h30m".to_owned())
}

/// A parsed command line.
struct Parsed {
    cli: Cli,
    /// The names of the Tekton results that the command may write.
    results: Vec<&'static str>,
    /// The URLs of the Git repositories that flags name.
    repositories: Vec<String>,
    /// The hosts of the registries that flags name.
    registries: Vec<HostPort>,
}

fn parse(command: clap::Command, arguments: Vec<OsString>) -> Result<Parsed, clap::Error> {
    let matches = command.try_get_matches_from(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    match &mut cli.command {
        Command::Run(args) => args.off = hosts::switched_off(&matches),
        Command::Doctor(args) => args.run.off = hosts::switched_off(&matches),
        _ => {}
    }
    Ok(Parsed {
        cli,
        results: matches.subcommand_name().map_or_else(Vec::new, results),
        repositories: hosts::named_repositories(&matches),
        registries: hosts::named_registries(&matches),
    })
}

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    let mut env = Env::of_process();
    let command = parser();
    let line = arguments::arrange(std::env::args_os().collect(), &command);
    let is_empty = |name: &str| env.get(name).is_none();
    let command = arguments::with_variables(command, Some(&line), is_empty);
    let parsed = match parse(command, line.arguments) {
        Ok(parsed) => parsed,
        Err(error) => return unparsed(error, &env),
    };
    let Parsed {
        cli,
        results: known,
        repositories,
        registries,
    } = parsed;
    let Cli {
        mut global,
        command,
    } = cli;
    if let Command::Ec(args) = command {
        env.read_sigstore();
        return as_ec::run(global, args, env, &known);
    }
    match &command {
        Command::Trust(_) => env.read_sigstore(),
        Command::DropIn(args) => {
            env.read_sigstore();
            global.merge_implied(args.globals());
        }
        _ => {}
    }
    if let Some(file) = &global.kubeconfig {
        env.set_kubeconfig(file.clone());
    }
    let bounds = RunBounds::new(global.timeout, global.memory);
    let global = Arc::new(global);
    let given = Arc::clone(&global);
    let done = bounds.run(move |stop| {
        start(&given, env, &known, stop, |context| async move {
            repositories
                .iter()
                .for_each(|url| context.git.trust_with_credentials(url));
            context.registry.trust_hosts(registries);
            command.run(&context).await
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log::report(&failure, &global.log);
            ExitCode::from(failure.kind().exit_code())
        }
    }
}

/// Shows help or version on standard output, code 0, and a usage error on standard error, code 2.
fn unparsed(mut error: clap::Error, env: &Env) -> ExitCode {
    log::without_value_tips(&mut error);
    log::usage(&error);
    environment::name_sources(env, &error);
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Returns the whole command line, as it is parsed and documented.
#[must_use]
pub fn command() -> clap::Command {
    arguments::with_variables(parser(), None, |_| false)
}

fn parser() -> clap::Command {
    help::dress(arguments::apply(Cli::command()))
}

/// Returns the arguments for the parser, without flags that are absent.
#[must_use]
pub fn arrange(given: Vec<OsString>) -> Vec<OsString> {
    arguments::arrange(given, &command()).arguments
}

/// Returns the command line of `ec`, as it is parsed and documented.
#[must_use]
pub fn ec_command() -> clap::Command {
    ec::command()
}

/// The exit codes besides 0 and what they mean, as the documentation prints them.
#[must_use]
pub fn exit_codes() -> Vec<(u8, &'static str)> {
    let kinds = Kind::ALL.into_iter();
    kinds
        .map(|kind| (kind.exit_code(), kind.meaning()))
        .collect()
}

/// The Tekton results that a command may write.
#[must_use]
pub fn results(command: &str) -> Vec<&'static str> {
    let of_run = [
        ("extract-tag", extract_tag::RESULTS),
        ("gather-images", gather_images::RESULTS),
        ("verify-ec", verify_ec::RESULTS),
        ("ec", ec::RESULTS),
        ("copy-image", copy_image::RESULTS),
        ("attest", attest::RESULTS),
        ("update-deployment", update_deployment::RESULTS),
    ];
    let others = [
        ("plan-release", plan_release::RESULTS),
        ("render", render::RESULTS),
        ("release-status", release_status::RESULTS),
        ("test-output", test_output::RESULTS),
        ("drop-in", drop_in::RESULTS),
    ];
    if command == "run" {
        return of_run
            .iter()
            .flat_map(|(_, results)| *results)
            .copied()
            .collect();
    }
    let mut all = of_run.iter().chain(&others);
    let found = all.find(|(name, _)| *name == command);
    found
        .map(|(_, results)| results.to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn reads_durations() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        for text in ["90", "soon", "", "0s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("-5m").is_err());
    }
}
