//! Commands of upstream's program that this one does not have: each is refused by name, with what to use.

use std::ffi::OsString;

use clap::Subcommand;

use super::Usage;

/// The arguments behind the name of a command, which are not read.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(super) enum UnsupportedCommand {
    /// Not in promote: compares two policy configurations
    #[command(hide = true)]
    Compare(Rest),
    /// Not in promote: downloads the sources of policies
    #[command(hide = true)]
    Fetch(Rest),
    /// Not in promote: writes a first policy
    #[command(hide = true)]
    Init(Rest),
    /// Not in promote: the commands of OPA
    #[command(hide = true)]
    Opa(Rest),
    /// Not in promote: the tests of Conftest
    #[command(hide = true)]
    Test(Rest),
    /// Not in promote: lists trusted Task bundles
    #[command(hide = true)]
    Track(Rest),
}

#[derive(Debug, Subcommand)]
pub(super) enum UnsupportedValidate {
    /// Not in promote: validates verification summaries
    #[command(hide = true)]
    Vsa(Rest),
}

#[derive(Debug, Subcommand)]
pub(super) enum UnsupportedInspect {
    /// Not in promote: merges data sources
    #[command(hide = true)]
    PolicyData(Rest),
}

impl UnsupportedCommand {
    pub(super) fn refusal(&self) -> Usage {
        let (name, instead) = match self {
            Self::Compare(_) => (
                "compare",
                "ec validate policy checks one configuration, a diff of both shows what differs",
            ),
            Self::Fetch(_) => (
                "fetch",
                "every command fetches what it needs; ec inspect policy --source URL lists the rules of a source",
            ),
            Self::Init(_) => (
                "init",
                "promote init writes a first policy with its test, promote policy test runs it",
            ),
            Self::Opa(_) => (
                "opa",
                "promote policy check and promote policy test take rules, OPA's own program has the rest",
            ),
            Self::Test(_) => (
                "test",
                "ec validate input evaluates a policy over files, promote policy test runs its unit tests",
            ),
            Self::Track(_) => (
                "track",
                "lists of trusted Tasks are kept by Conforma's own ec; a policy reads them as a data source",
            ),
        };
        refusal(name, instead)
    }
}

impl UnsupportedValidate {
    pub(super) fn refusal(&self) -> Usage {
        refusal(
            "validate vsa",
            "promote trust verify --kind attestation --type https://slsa.dev/verification_summary/v1 checks who signed a summary",
        )
    }
}

impl UnsupportedInspect {
    pub(super) fn refusal(&self) -> Usage {
        refusal(
            "inspect policy-data",
            "ec validate image merges data sources and names each member that is there twice",
        )
    }
}

fn refusal(name: &str, instead: &str) -> Usage {
    Usage::Wrong(format!("ec {name} is not supported by promote: {instead}"))
}
