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
    /// Trust the certificate authorities of this PEM file, or of the files of this directory, besides the system's
    #[arg(long, global = true, value_name = "PATH")]
    ca_file: Vec<PathBuf>,
    /// Talk plain HTTP to this host; loopback hosts always do
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    plain_http: Vec<HostPort>,
    /// Talk TLS to this loopback host
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    https: Vec<HostPort>,
    /// Do not check this host's certificate
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    insecure_skip_tls_verify: Vec<HostPort>,
    /// Read registry credentials from this file, or from config.json or .dockerconfigjson of this directory, before all others
    #[arg(long, global = true, value_name = "PATH")]
    authfile: Option<PathBuf>,
    /// Read Git credentials from this directory before all others
    #[arg(long, global = true, value_name = "DIR")]
    git_credentials_dir: Option<PathBuf>,
    /// Read the cluster that this kubeconfig names; without it that of the pod, else that of KUBECONFIG or ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Stop the whole run after this time, such as 90s or 5m
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Use at most this much memory, such as 512Mi; without it the container's limit less 64 MiB, else 1 GiB
    #[arg(long, global = true, value_name = "SIZE")]
    memory: Option<Size>,
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
    /// Read the Git tag out of a release or tag event and derive the destination image tag
    ExtractTag(extract_tag::Args),
    /// Find the images built for a tag, pin them to digests and the source to a commit, write images.json
    GatherImages(gather_images::Args),
    /// Compute what a Konflux release does with each image of a Snapshot, write images.json and release.json
    PlanRelease(plan_release::Args),
    /// Verify signatures, attestations and policy for every image; write the report and verified.json
    VerifyEc(verify_ec::Args),
    /// Copy or re-tag exactly the verified digests with all that is attached to them, write promoted.json
    CopyImage(copy_image::Args),
    /// Write the evidence bundle, the verification summary and the promotion statement beside each promoted image
    Attest(attest::Args),
    /// Write the promoted digests into the GitOps repository and push
    UpdateDeployment(update_deployment::Args),
    /// Show at a commit on its Git host how far a promotion is
    CommitStatus(commit_status::Args),
    /// Run the five steps of a promotion in one process, in the order of the Pipeline
    Run(Box<run::Args>),
    /// Check credentials, rights, key, policy and the GitOps edit before anything moves
    ///
    /// Takes the flags of run, or its configuration file. Prints a line for each check; nothing is written but
    /// an upload that is opened and cancelled.
    Doctor(Box<doctor::Args>),
    /// Write promote.yaml, a first policy with its test and the trigger for the repository of this directory
    ///
    /// Replaces nothing. What is not given is marked in promote.yaml.
    Init(init::Args),
    /// Fill the digests of a Snapshot into a copy of a kustomize, Helm or plain directory
    Render(render::Args),
    /// Show everything that is attached to an image, and what other tools will make of it
    Inspect(inspect::Args),
    /// Tell how an image came to production, from its registry and the GitOps repository alone
    Why(why::Args),
    /// Tell which tags of a Konflux release name their images, and note it in the Release
    ReleaseStatus(release_status::Args),
    /// Write the result TEST_OUTPUT of a test Pipeline by how its tasks ended
    TestOutput(test_output::Args),
    /// Fetch a trust root, or check signatures, attestations and bundles alone, without policy
    Trust(trust::Args),
    /// Test the rules of a policy, or list them
    Policy(policy::Args),
    /// Check Task, Pipeline, PipelineRun and StepAction files, also across files
    Lint(lint::Args),
    /// Print a saved JSON report, or render it in another format
    Report(report::Args),
    /// Validate images, policies and trust as Conforma's ec does, with its flags, output and exit codes
    ///
    /// Also when the program is called `ec`. Everything behind `ec` is read as upstream reads it.
    #[command(disable_help_flag = true)]
    Ec(ec::Args),
    /// Push Tasks, Pipelines and StepActions to a registry as Tekton bundles
    Bundle(bundle::Args),
    /// Do the work of a Task of another catalogue, under its name, params and results
    DropIn(drop_in::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page, or write the pages of all commands
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
        Err(error) => {
            // Help and version go to standard output with 0, usage errors to standard error with 2.
            log::usage(&error);
            environment::name_sources(&env, &error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
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
        for text in ["90", "soon", ""] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("-5m").is_err());
    }
}
