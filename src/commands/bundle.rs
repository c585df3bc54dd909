//! `bundle push`: Tasks, Pipelines and StepActions as Tekton bundles, which a cluster resolves by digest.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::Subcommand;
use serde_json::Value;

use super::{Context, Outcome, failures::registry_failure};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    image::{Digest, Reference, Tag},
    json,
    registry::{ArtifactSelection, CopyItem, CopyRules, ImageStore, Layout, Version},
    tekton::bundle::{self, BundleResource, KINDS, MAX_RESOURCES},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: BundleCommand,
}

#[derive(Debug, Subcommand)]
enum BundleCommand {
    /// Push the resources in files to a registry, and print the digests
    Push(BundlePush),
}

#[derive(Debug, clap::Args)]
struct BundlePush {
    /// Where to push the bundle; with {name}, {kind} or {version} each resource gets its own bundle
    #[arg(long, value_name = "REPO:TAG")]
    to: String,
    /// Refuse to move an existing tag to another bundle
    #[arg(long)]
    immutable: bool,
    /// Print the digests, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The files, each with one Task, Pipeline or StepAction
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Usage`] for a file that is not a resource, else the registry's failure.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let BundleCommand::Push(args) = args.command;
    let mut bundles: BTreeMap<String, Vec<BundleResource>> = BTreeMap::new();
    for path in &args.files {
        let resource = read(path)?;
        let to = args
            .to
            .replace("{name}", &resource.name)
            .replace("{kind}", &resource.kind.to_lowercase())
            .replace("{version}", resource.release.as_deref().unwrap_or("latest"));
        bundles.entry(to).or_default().push(resource);
    }
    let mut planned = Vec::new();
    for (to, resources) in bundles {
        check(&to, &resources)?;
        let to: Reference = to.parse().or_fail(Kind::Usage)?;
        let tag = to.tag.clone().unwrap_or_else(Tag::latest);
        planned.push((to, tag, resources));
    }
    let mut outcome = Outcome::default();
    for (to, tag, resources) in planned {
        let dir = tempfile::tempdir().or_fail(Kind::Usage)?;
        let packed = bundle::pack(&resources).or_fail(Kind::Usage)?;
        let (layout, digest) =
            Layout::of_artifact(dir.path().to_owned(), &packed.blobs, packed.manifest)
                .map_err(registry_failure)?;
        if !args.dry_run {
            push(layout, digest, &to, &tag, args.immutable, context).await?;
        }
        for resource in &resources {
            let line = format!(
                "{} {} {}@{digest}\n",
                resource.kind,
                resource.name,
                to.repository.tagged(&tag)
            );
            outcome.stdout.extend(line.as_bytes());
        }
    }
    Ok(outcome)
}

async fn push(
    layout: Layout,
    digest: Digest,
    to: &Reference,
    tag: &Tag,
    immutable: bool,
    context: &Context,
) -> Result<(), Failure> {
    let registry = &context.registry;
    let item = CopyItem {
        from: ImageStore::Layout(layout),
        version: Version::Digest(digest),
        to: registry.places(&to.repository, &to.repository).1,
        tags: vec![tag.clone()],
        along: Vec::new(),
        attached: ArtifactSelection::Nothing,
    };
    let rules = CopyRules {
        immutable,
        ..CopyRules::default()
    };
    let plans = registry
        .plan(vec![item], &rules)
        .await
        .map_err(registry_failure)?;
    registry.carry_out(&plans).await.map_err(registry_failure)?;
    Ok(())
}

/// Refuses a bundle that a cluster would not resolve.
fn check(to: &str, resources: &[BundleResource]) -> Result<(), Failure> {
    if resources.len() > MAX_RESOURCES {
        let text = format!(
            "{to} would hold {} resources, a bundle holds {MAX_RESOURCES}",
            resources.len()
        );
        return Err(Failure::message(Kind::Usage, text)
            .hint("give each its own bundle: --to REPO/{name}:TAG"));
    }
    let mut seen = std::collections::BTreeSet::new();
    match resources
        .iter()
        .find(|one| !seen.insert((&one.kind, &one.name)))
    {
        None => Ok(()),
        Some(twice) => {
            let text = format!("{to} would hold the {} {} twice", twice.kind, twice.name);
            Err(Failure::message(Kind::Usage, text))
        }
    }
}

fn read(path: &PathBuf) -> Result<BundleResource, Failure> {
    let shown = path.display();
    let wrong = |reason: String| Failure::message(Kind::Usage, format!("{shown}: {reason}"));
    let text = fs::read_to_string(path).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Usage,
        };
        Failure::new(kind, error).context(shown.to_string())
    })?;
    let document = json::yaml(&text).map_err(|error| wrong(error.to_string()))?;
    let member = |pointer: &str| {
        let found = document.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned)
    };
    let kind = member("/kind").unwrap_or_default();
    if !KINDS.contains(&kind.as_str()) {
        return Err(wrong(format!(
            "the kind is {kind:?}, expected one of {}",
            KINDS.join(", ")
        )));
    }
    let api = member("/apiVersion").unwrap_or_default();
    let version = api.strip_prefix("tekton.dev/");
    let version = version
        .ok_or_else(|| wrong(format!("the apiVersion is {api:?}, expected tekton.dev/…")))?;
    let name = member("/metadata/name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| wrong("it has no metadata.name".to_owned()))?;
    if name.contains(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))) {
        return Err(wrong(format!("the name {name:?} is not one of Kubernetes")));
    }
    Ok(BundleResource {
        kind,
        name,
        version: version.to_owned(),
        release: member("/metadata/labels/app.kubernetes.io~1version"),
        text,
    })
}
