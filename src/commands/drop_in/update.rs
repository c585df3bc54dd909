//! `update-deployment`: one image into the overlay of one environment, by the component that `application.yaml` names.

use std::path::PathBuf;

use super::Globals;
use crate::{
    commands::{
        Context, Outcome,
        failures::{gate_failure, git_failure},
        update_deployment,
    },
    failure::{Failure, Kind, OrFail as _},
    gate,
    image::Reference,
    json,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The URL of the GitOps repository
    #[arg(long, value_name = "URL")]
    gitops_repo_url: String,
    /// The image to deploy
    #[arg(long, value_name = "REF")]
    image: String,
    /// The environment to deploy to; its overlay is edited
    #[arg(long, value_name = "NAME", default_value = "development")]
    environment: String,
    /// The directory with Git credentials: the mounted workspace gitops-auth
    #[arg(long, value_name = "DIR")]
    gitops_auth: Option<PathBuf>,
    /// The directory with Git credentials: the mounted Secret that gitops-auth-secret-name names
    #[arg(long, value_name = "DIR")]
    gitops_auth_secret: Option<PathBuf>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let reference: Reference = args.image.parse().or_fail(Kind::Usage)?;
    let pinned = gate::image_list(&reference, &context.registry).await;
    let pinned = pinned.map_err(gate_failure)?;
    let pinned = pinned
        .pinned
        .first()
        .ok_or_else(|| Failure::message(Kind::Bug, "an image without a digest"))?;
    let written = Reference {
        digest: Some(pinned.digest),
        ..reference
    };
    let name = component(&args.gitops_repo_url, context).await?;
    let request = update_deployment::DeployRequest::of_task(
        args.gitops_repo_url,
        args.environment,
        update_deployment::DeployedImage::new(name, written),
    );
    let done = update_deployment::perform(request, context).await?;
    Ok(Outcome {
        stdout: done.stdout,
        ..Outcome::default()
    })
}

/// Reads the component of a GitOps repository: the name in its `application.yaml`.
async fn component(url: &str, context: &Context) -> Result<String, Failure> {
    let url = url.to_owned();
    let read = context
        .git
        .run(move |git| git.fetch(&url, None)?.read("application.yaml"));
    let bytes = read.await.map_err(git_failure)?.ok_or_else(|| {
        Failure::message(
            Kind::NotFound,
            "the GitOps repository has no application.yaml",
        )
    })?;
    let text = String::from_utf8(bytes).or_fail(Kind::Usage)?;
    let document = json::yaml(&text).or_fail(Kind::Usage)?;
    let name = document
        .pointer("/metadata/name")
        .and_then(serde_json::Value::as_str);
    let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
    name.ok_or_else(|| Failure::message(Kind::Usage, "application.yaml has no metadata.name"))
}

impl Args {
    /// Returns the credentials: the workspace where it is bound, else the Secret where it is mounted.
    pub(super) fn globals(&self) -> Globals {
        let mounted = |dir: &&PathBuf| {
            let mut entries = dir.read_dir().into_iter().flatten();
            entries.next().is_some()
        };
        let secret = self.gitops_auth_secret.as_ref().filter(mounted);
        Globals {
            unchecked: Vec::new(),
            git_credentials: self.gitops_auth.as_ref().or(secret).cloned(),
        }
    }
}
