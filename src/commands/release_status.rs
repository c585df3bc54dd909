//! `release-status`: the images that a release's tags name now, as a file, a result and in the Release's status.
//!
//! 1. read `release.json`
//! 2. look up every tag; one that cannot be read is neither released nor missing
//! 3. write the results, also for a release that failed half-way
//! 4. patch the one member of the Release's status, where a Role for that was installed

mod document;

use std::path::PathBuf;

use document::{Outlook, TagState};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::{
    Context, Outcome,
    cluster::{self, API_VERSION, ClusterFlags, ObjectName},
    failures::{handover_failure, kube_failure},
    files::{unchecked, write_file},
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover::ReleaseFile,
    image::Digest,
    kube::{self, ResourceRight},
    release::objects::ObjectKind,
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["RELEASED", "RELEASE_RESULTS", "RELEASE_RESULTS_DIGEST"];

/// The name of the results' file in the data directory.
const FILE: &str = "release-results.json";
/// The number of tags that are looked up at once.
const PARALLEL: usize = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that plan-release wrote [default: release.json]
    #[arg(long, value_name = "FILE")]
    release: Option<PathBuf>,
    /// Require this digest of release.json, as plan-release reported it
    #[arg(long, value_name = "DIGEST")]
    release_digest: Option<Digest>,
    /// Write the results into the status of this Release, if permitted: k8s:[NAMESPACE/]NAME
    #[arg(long, value_name = "RELEASE")]
    patch: Option<String>,
    /// The key in status.artifacts to write
    #[arg(long, value_name = "KEY", default_value = "promote")]
    status_key: String,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Where to write the results [default: release-results.json]
    #[arg(long, value_name = "FILE")]
    results_out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] without `release.json`, [`Kind::Remote`] when a tag could not be read; then the results are
/// written too.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let path = context.path(args.release.as_deref(), "release.json");
    let bytes = context
        .read(&path)
        .map_err(|failure| failure.hint("run plan-release first"))?;
    let release = ReleaseFile::parse(&bytes, &path.display().to_string(), args.release_digest);
    let release = release.map_err(handover_failure)?;
    unchecked(args.release_digest, "release.json", "--release-digest");
    let outlook = Outlook::new(&release, tag_states(&release, context).await);
    let document = serde_json::to_vec(&outlook.document()).or_fail(Kind::Bug)?;
    write_file(&context.path(args.results_out.as_deref(), FILE), &document)?;
    let digest = Digest::of(&document);
    let mut outcome = Outcome {
        stdout: outlook.lines().into_bytes(),
        ..Outcome::default()
    };
    outcome
        .results
        .set("RELEASED", outlook.is_complete().to_string());
    outcome
        .results
        .set("RELEASE_RESULTS_DIGEST", digest.to_string());
    let room = outcome.results.room().saturating_sub(128);
    outcome
        .results
        .set("RELEASE_RESULTS", outlook.summary(digest, room).to_string());
    let patched = match &args.patch {
        Some(name) => patch(name, &args, &outlook, digest, context).await,
        None => Ok(()),
    };
    outcome.failure = patched.err().or(outlook.unread());
    Ok(outcome)
}

/// Looks up every tag at its registry.
async fn tag_states(release: &ReleaseFile, context: &Context) -> Vec<TagState> {
    let tags = release.components.iter().flat_map(|component| {
        let places = component.destinations.iter();
        places.flat_map(|place| place.tags.iter().map(move |tag| (&place.repository, tag)))
    });
    let heads = tags.map(|(repository, tag)| async move {
        match context.registry.head(repository, &tag.clone().into()).await {
            Ok(Some(head)) => TagState::Digest(head.digest),
            Ok(None) => TagState::Nothing,
            Err(error) => TagState::Unknown(error.to_string()),
        }
    });
    stream::iter(heads).buffered(PARALLEL).collect().await
}

/// Patches the one member of the status, where the service account may.
async fn patch(
    name: &str,
    args: &Args,
    outlook: &Outlook<'_>,
    digest: Digest,
    context: &Context,
) -> Result<(), Failure> {
    let key = &args.status_key;
    if key.is_empty()
        || !key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        let text = format!("--status-key {key:?}: expected letters, digits, - and _");
        return Err(Failure::message(Kind::Usage, text));
    }
    let name = ObjectName::parse(name).map_err(kube_failure)?;
    let kube = args.cluster.open(context)?;
    let namespace = name.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| kube.namespace().to_owned());
    let of = ObjectKind::Release;
    let (_, group) = cluster::object(&kube, of, &name).await?;
    let right = ResourceRight {
        verb: "patch",
        group,
        resource: of.resource(),
        subresource: "status",
        namespace: &namespace,
        name: &name.name,
    };
    let role = || {
        let rules = cluster::rules("releases/status", "patch");
        cluster::role(&kube, &namespace, "promote-release-status", &rules)
    };
    if !kube.may(right).await.map_err(kube_failure)? {
        tracing::info!(
            "the status of Release {namespace}/{} is left unchanged: the service account may not patch it; this Role permits it:\n{}",
            name.name,
            role()
        );
        return Ok(());
    }
    let summary = outlook.summary(digest, document::STATUS_BUDGET);
    let patch = json!({"status": {"artifacts": {key: summary}}});
    let api = ["apis", group, API_VERSION];
    let sent = kube.patch_status(
        &api,
        of.resource(),
        of.name(),
        (&namespace, &name.name),
        &patch,
    );
    sent.await.map_err(|error| match error {
        error @ kube::Error::ReadOnly { .. } => {
            kube_failure(error).hint(format!("apply this Role:\n{}", role()))
        }
        error => kube_failure(error),
    })
}
