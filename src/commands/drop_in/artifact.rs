//! `verify-conforma-konflux-ta`: the Snapshot out of a trusted artifact (Konflux ADR 36), by digest.

use std::collections::BTreeMap;

use super::{
    summary,
    verify::{self, How},
};
use crate::{
    commands::{Context, Outcome, failures::registry_failure},
    failure::{Failure, Kind, OrFail as _},
    image::{DigestReference, Reference},
    policy,
};

/// The largest artifact that is read, in bytes.
const MAX_ARTIFACT: u64 = 256 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file with the Snapshot in the artifact
    #[arg(long, value_name = "PATH")]
    snapshot_filename: String,
    /// The trusted artifact, as oci:REPOSITORY@DIGEST
    #[arg(long, value_name = "URI")]
    source_data_artifact: String,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    summary: summary::Flags,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let summaries = args.summary.summaries(context).await?;
    let artifact = reference(&args.source_data_artifact)?;
    let all = summaries.as_ref().is_some_and(|wanted| wanted.are_stored());
    let files = files(&artifact, &args.snapshot_filename, all, context).await?;
    let snapshot = snapshot(&files, &artifact, &args.snapshot_filename)?;
    let mut outcome = verify::verify(&snapshot, &args.how, context).await?;
    let (mut generated, mut stored_at) = ("false", String::new());
    if let (Some(summaries), None) = (&summaries, &outcome.failure) {
        let policy = &args.how.policy_configuration;
        let stored = summaries.store(&outcome.stdout, policy, files, context);
        stored_at = stored.await?.unwrap_or_default();
        generated = "true";
    }
    // Empty without summaries: a Task fails over a declared result that is not written.
    outcome.results.set("sourceDataArtifact", stored_at);
    outcome.results.set("VSA_GENERATED", generated);
    Ok(outcome)
}

/// Parses `oci:REPOSITORY@DIGEST`; a reference without a digest could name another artifact at the next read.
fn reference(uri: &str) -> Result<DigestReference, Failure> {
    let wrong = |reason: &str| {
        let text = format!("the trusted artifact {uri:?} {reason}");
        Failure::message(Kind::Usage, text)
            .hint("the Task that wrote it reports oci:REPOSITORY@sha256:DIGEST")
    };
    let text = uri
        .strip_prefix("oci:")
        .ok_or_else(|| wrong("is not one of a registry"))?;
    let reference: Reference = text.parse().map_err(|_| wrong("is not a reference"))?;
    let digest = reference.digest.ok_or_else(|| wrong("names no digest"))?;
    Ok(reference.repository.pinned(digest))
}

/// The files of the artifact: the Snapshot alone, or all of them.
async fn files(
    artifact: &DigestReference,
    name: &str,
    all: bool,
    context: &Context,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let registry = &context.registry;
    let archive = registry.blob_by_digest(&artifact.repository, &artifact.digest, MAX_ARTIFACT);
    let archive = archive.await.map_err(registry_failure)?;
    let path = policy::clean_path(name).unwrap_or_default();
    let found = policy::files_of_archive(&archive, &|found| all || found == path);
    let found = found.or_fail(Kind::Refused);
    found.map_err(|failure| failure.context(format!("the trusted artifact {artifact}")))
}

fn snapshot(
    files: &BTreeMap<String, Vec<u8>>,
    artifact: &DigestReference,
    name: &str,
) -> Result<String, Failure> {
    let path = policy::clean_path(name).unwrap_or_default();
    let content = files.get(&path).ok_or_else(|| {
        let text = format!("the trusted artifact {artifact} has no file {name:?}");
        Failure::message(Kind::NotFound, text)
    })?;
    String::from_utf8(content.clone()).or_fail(Kind::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_named_by_digest() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let uri = format!("oci:quay.example/team/data@{digest}");
        assert_eq!(
            reference(&uri).unwrap().to_string(),
            format!("quay.example/team/data@{digest}")
        );
        for uri in [
            "oci:quay.example/team/data:latest",
            "quay.example/a@sha256:00",
            "file:/x",
            "oci:",
        ] {
            assert!(reference(uri).is_err(), "{uri}");
        }
    }
}
