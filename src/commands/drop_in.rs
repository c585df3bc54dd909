//! `drop-in`: the work of the ecosystem's Tasks, under their names, params and results, in one step without a shell.
//!
//! Each command does the work of all steps of a Task. Verification is that of `ec`, so that verdicts and reports are
//! upstream's; nothing here hands over to the steps of this program, which need `verify-ec`.

mod artifact;
mod cluster;
mod copy;
mod images;
mod signatures;
mod summary;
mod update;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Context, Outcome};
use crate::failure::Failure;

/// The Tekton results that the commands may write.
pub(crate) const RESULTS: &[&str] = &[
    "TEST_OUTPUT",
    "VSA_GENERATED",
    "sourceDataArtifact",
    "IMAGES_TO_VERIFY",
    "COSIGN_PUBLIC_KEY",
    "SBOM_IMAGES",
    "CONFORMA_IMAGES",
    "SOURCE_DIGEST",
    "DESTINATION_DIGEST",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Verify images as the Task verify-enterprise-contract does
    VerifyEnterpriseContract(Box<verify::Args>),
    /// Verify the Snapshot of a trusted artifact as the Task verify-conforma-konflux-ta does
    VerifyConformaKonfluxTa(Box<artifact::Args>),
    /// Verify the images that fetch-gitops-images found, as the Task verify-gitops-conforma does
    VerifyGitopsConforma(Box<verify::GitopsArgs>),
    /// Find the images of a GitOps checkout as the Task gather-deploy-images does
    GatherDeployImages(images::Args),
    /// Find images and the public key as the Task fetch-gitops-images does
    FetchGitopsImages(images::FetchArgs),
    /// Copy an image as the Task skopeo-copy does, without checking that it was verified
    SkopeoCopy(copy::Args),
    /// Deploy an image as the Task update-deployment does, without checking that it was verified
    UpdateDeployment(update::Args),
}

/// Global flags that follow from a Task's params.
#[derive(Debug, Default)]
pub(crate) struct Globals {
    /// Hosts whose certificate is not checked.
    pub(crate) unchecked: Vec<String>,
    pub(crate) git_credentials: Option<PathBuf>,
}

impl Args {
    /// Returns the global flags that follow from the params.
    pub(crate) fn globals(&self) -> Globals {
        match &self.task {
            Task::SkopeoCopy(args) => args.globals(),
            Task::UpdateDeployment(args) => args.globals(),
            _ => Globals::default(),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Those of the commands that it calls.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.task {
        Task::VerifyEnterpriseContract(args) => verify::run(*args, context).await,
        Task::VerifyConformaKonfluxTa(args) => artifact::run(*args, context).await,
        Task::VerifyGitopsConforma(args) => verify::run_gitops(*args, context).await,
        Task::GatherDeployImages(args) => images::run(args, context).await,
        Task::FetchGitopsImages(args) => images::run_fetch(args, context).await,
        Task::SkopeoCopy(args) => copy::run(args, context).await,
        Task::UpdateDeployment(args) => update::run(args, context).await,
    }
}
