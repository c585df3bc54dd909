//! `ec`: the command line of Conforma's own program, so that a script swaps the binary and edits nothing.
//!
//! Flags are read as Go's pflag reads them; output, messages and exit codes (0 and 1) are upstream's,
//! known faults included. Where a fault would let an unverified image pass, this program
//! stays strict and says so. A flag without a counterpart here is refused by name.

mod completion;
mod elsewhere;
mod image;
mod input;
mod inspect;
mod policy;
mod sigstore;
mod snapshot;
mod unsupported;
mod usage;
mod version;

use std::{ffi::OsString, time::Duration};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
pub(crate) use snapshot::of_cluster as snapshot_of_cluster;
pub(crate) use usage::{Usage, in_go};

use super::{Context, Outcome};
use crate::{env::Env, failure::Failure, registry::Retries};

/// The Tekton results that `ec validate image` may write.
pub(crate) const RESULTS: &[&str] = &["TEST_OUTPUT"];

/// The arguments of `ec`, parsed later and by other rules than those of the other commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A command of Conforma's ec with its flags: validate image, validate input, validate policy, inspect policy, sigstore initialize, version
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) arguments: Vec<OsString>,
}

/// Validate images, policies and trust as Conforma's ec does
#[derive(Debug, Parser)]
#[command(
    name = "ec",
    version = version::VERSION,
    args_override_self = true,
    subcommand_required = true
)]
struct EcCli {
    #[command(flatten)]
    root: EcFlags,
    #[command(subcommand)]
    command: EcCommand,
}

/// The flags that every command of `ec` takes.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct EcFlags {
    /// Stop the whole run after this time; 0 means without a limit
    #[arg(long, global = true, value_name = "DURATION", default_value = "5m", value_parser = usage::duration)]
    pub(crate) timeout: Duration,
    /// Log errors only
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Log more
    #[arg(long, global = true)]
    pub(crate) verbose: bool,
    /// Log more, for debugging
    #[arg(long, global = true)]
    pub(crate) debug: bool,
    /// Write the log to this file instead of standard error
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) logfile: String,
    /// Trace nothing (none), or into the log
    #[arg(long, global = true, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_value = "none", default_missing_value = "log")]
    pub(crate) trace: String,
    /// How many times to repeat a failed request
    #[arg(long, global = true, value_name = "N", default_value = "3")]
    pub(crate) retry_max_retry: u32,
    /// The longest pause before a failed request is repeated
    #[arg(long, global = true, value_name = "DURATION", default_value = "3s", value_parser = usage::duration)]
    pub(crate) retry_max_wait: Duration,
    /// The pause before a failed request is repeated for the first time
    #[arg(long, global = true, value_name = "DURATION", default_value = "1s", value_parser = usage::duration)]
    pub(crate) retry_duration: Duration,
    /// The factor by which each further pause is longer
    #[arg(long, global = true, value_name = "NUMBER", default_value = "2")]
    pub(crate) retry_factor: f64,
    /// The random part of each pause, 0 to 1
    #[arg(long, global = true, value_name = "NUMBER", default_value = "0.1")]
    pub(crate) retry_jitter: f64,
    /// The kubeconfig of the cluster to read [default: the pod's cluster, else KUBECONFIG or ~/.kube/config]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) kubeconfig: String,
}

#[derive(Debug, Subcommand)]
enum EcCommand {
    /// Validate conformance with the provided policies
    Validate(Validate),
    /// Inspect policy rules
    Inspect {
        #[command(subcommand)]
        command: Inspect,
    },
    /// Perform certain sigstore operations
    Sigstore {
        #[command(subcommand)]
        command: Sigstore,
    },
    /// Print version information
    Version(version::Args),
    /// Print a completion script for a shell
    Completion(completion::Args),
    #[command(flatten)]
    Elsewhere(elsewhere::UnsupportedCommand),
}

#[derive(Debug, clap::Args)]
struct Validate {
    #[command(flatten)]
    show: ReportFlags,
    #[command(subcommand)]
    command: ValidateCommand,
}

#[derive(Debug, Clone, clap::Args)]
struct ReportFlags {
    /// Show passed results too
    #[arg(long, global = true)]
    show_successes: bool,
    /// Show warnings in the text report
    #[arg(long, global = true, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = usage::boolean)]
    show_warnings: bool,
    /// Link to the documentation of Conforma's policies in the text report
    #[arg(long, global = true)]
    show_policy_docs_link: bool,
}

#[derive(Debug, Subcommand)]
enum ValidateCommand {
    /// Validate conformance of container images with the provided policies
    Image(Box<image::Args>),
    /// Validate conformance of files, JSON and YAML, with the provided policies
    Input(Box<input::Args>),
    /// Validate the provided EnterpriseContractPolicy spec
    Policy(policy::Args),
    #[command(flatten)]
    Elsewhere(elsewhere::UnsupportedValidate),
}

#[derive(Debug, Subcommand)]
enum Inspect {
    /// Read policies from source urls and show information about the rules inside them
    Policy(inspect::Args),
    #[command(flatten)]
    Elsewhere(elsewhere::UnsupportedInspect),
}

#[derive(Debug, Subcommand)]
enum Sigstore {
    /// Initializes Sigstore root to retrieve trusted certificate and key targets for verification
    Initialize(sigstore::Args),
}

/// A call of `ec` whose arguments were parsed.
#[derive(Debug)]
pub(crate) struct EcCall {
    /// The flags that every command takes.
    pub(crate) root: EcFlags,
    command: EcCommand,
}

impl EcCall {
    /// Parses the arguments behind `ec`.
    ///
    /// # Errors
    /// Requested help, or the error in the arguments.
    pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Self, Usage> {
        let program = std::iter::once(OsString::from("ec"));
        let matches = command().try_get_matches_from(program.chain(arguments));
        let cli = matches.and_then(|matches| EcCli::from_arg_matches(&matches));
        let EcCli { root, command } = cli.map_err(Usage::of)?;
        command.check()?;
        root.check()?;
        Ok(Self { root, command })
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Every failure for which upstream's program exits with 1.
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let context = &Context {
            registry: context.registry.limited(Some(self.root.retries()), None),
            ..context.clone()
        };
        match self.command {
            EcCommand::Validate(Validate { show, command }) => match command {
                ValidateCommand::Image(args) => image::run(*args, &show, context).await,
                ValidateCommand::Input(args) => input::run(*args, &show, context).await,
                ValidateCommand::Policy(args) => policy::run(&args, context).await,
                ValidateCommand::Elsewhere(command) => Err(command.refusal().into()),
            },
            EcCommand::Inspect { command } => match command {
                Inspect::Policy(args) => inspect::run(args, context).await,
                Inspect::Elsewhere(command) => Err(command.refusal().into()),
            },
            EcCommand::Sigstore {
                command: Sigstore::Initialize(args),
            } => sigstore::run(args, context).await,
            EcCommand::Version(args) => version::run(&args),
            EcCommand::Completion(args) => completion::run(&args),
            EcCommand::Elsewhere(command) => Err(command.refusal().into()),
        }
    }
}

impl EcCommand {
    /// Refuses a command that only upstream's program has, before anything is read.
    fn check(&self) -> Result<(), Usage> {
        match self {
            Self::Elsewhere(command) => Err(command.refusal()),
            Self::Validate(Validate {
                command: ValidateCommand::Elsewhere(command),
                ..
            }) => Err(command.refusal()),
            Self::Inspect {
                command: Inspect::Elsewhere(command),
            } => Err(command.refusal()),
            _ => Ok(()),
        }
    }
}

impl EcFlags {
    fn retries(&self) -> Retries {
        Retries {
            most: self.retry_max_retry,
            first: self.retry_duration,
            factor: self.retry_factor,
            jitter: self.retry_jitter,
            longest: self.retry_max_wait,
            ..Retries::default()
        }
    }

    /// Refuses flags without a counterpart here.
    fn check(&self) -> Result<(), Usage> {
        match self.trace.as_str() {
            "none" | "log" => Ok(()),
            other => Err(unsupported::refuse(&format!("--trace={other}"))),
        }
    }
}

/// Returns the whole command line of `ec`, as it is parsed and documented.
pub(crate) fn command() -> clap::Command {
    usage::booleans(EcCli::command())
}

/// Tells whether output is coloured: the flags, then upstream's variables, then the terminal decide.
pub(crate) fn decide_color(env: &Env, terminal: bool) -> bool {
    if refuses_color(env) {
        return false;
    }
    let forced = [
        "EC_FORCE_COLOR",
        "EC_FORCE_COLOUR",
        "FORCE_COLOR",
        "FORCE_COLOUR",
    ];
    terminal || forced.iter().any(|name| env.get(name).is_some())
}

/// Tells whether a variable forbids colours, whatever the flags say.
fn refuses_color(env: &Env) -> bool {
    let forbid = ["EC_NO_COLOR", "EC_NO_COLOUR", "NO_COLOR", "NO_COLOUR"];
    forbid.iter().any(|name| env.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<EcCall, Usage> {
        EcCall::parse(arguments.iter().map(OsString::from).collect())
    }

    fn message(arguments: &[&str]) -> String {
        match parse(arguments) {
            Err(Usage::Wrong(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_flag_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn flags_are_read_as_pflag_reads_them() {
        for line in [
            "validate image -i a -p x -k=y -r z --strict=false",
            "validate image -ia -px --timeout 0 --info=T -s=f",
            "--timeout=1h30m validate --show-successes image --policy=",
            "validate image --policy a --policy b --ignore-rekor --ignore-rekor",
            "version -j --retry-max-wait=1s --retry-duration=10ms --retry-factor=1.5 --retry-jitter=0",
            "version --short --verbose",
            "inspect policy -s a --source b -o names",
            "sigstore initialize --mirror m --root r",
        ] {
            let arguments: Vec<_> = line.split(' ').collect();
            let parsed = parse(&arguments);
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
        let call = parse(&["validate", "image", "--timeout=0s"]).unwrap();
        assert_eq!(call.root.timeout, Duration::ZERO);
        // Upstream's defaults.
        let retries = Retries {
            most: 3,
            first: Duration::from_secs(1),
            factor: 2.0,
            jitter: 0.1,
            longest: Duration::from_secs(3),
            ..Retries::default()
        };
        assert_eq!(call.root.retries(), retries);
    }

    #[test]
    fn wrong_flags_are_named_as_cobra_names_them() {
        assert_eq!(
            message(&["validate", "image", "--nope"]),
            "unknown flag: --nope"
        );
        assert_eq!(
            message(&["validate", "image", "--policy"]),
            "flag needs an argument: --policy"
        );
        assert_eq!(message(&["nope"]), "unknown command \"nope\" for \"ec\"");
        assert!(
            message(&["validate", "image", "--strict=maybe"])
                .starts_with("invalid argument \"maybe\" for \"-s, --strict\" flag")
        );
        assert!(
            message(&["validate", "image", "--workers", "x"])
                .starts_with("invalid argument \"x\" for \"--workers\" flag")
        );
    }

    #[test]
    fn what_has_no_counterpart_is_refused_by_name() {
        for flag in ["--vsa", "--vsa-upload=local@/tmp", "--trace=opa"] {
            let name = flag.split('=').next().unwrap();
            let run = parse(&["validate", "image", flag]).and_then(|call| match call.command {
                EcCommand::Validate(Validate {
                    command: ValidateCommand::Image(args),
                    ..
                }) => args.check(),
                _ => Ok(()),
            });
            match run {
                Err(Usage::Wrong(message)) => assert!(
                    message.contains(name) && message.contains("not supported"),
                    "{message}"
                ),
                other => panic!("{flag}: {other:?}"),
            }
        }
    }
}
