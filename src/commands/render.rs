//! `render`: writes the digests of a Snapshot into a copy of a directory, for a test deployment.
//!
//! 1. read the Snapshot; every component has a digest
//! 2. copy the directory and what its kustomization reads outside of it, into memory
//! 3. find objects that the target cannot hold
//! 4. set every component's image, prove each edit
//! 5. write the copy

mod args;
mod copy;
mod kinds;

use std::{collections::BTreeMap, path::PathBuf};

pub(crate) use args::{Args, RenderTarget};
use copy::Copy;
use kinds::Kinds;

use super::{Context, Outcome, failures::edit_failure, gather_images::read_snapshot};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    gitops::{self, DirectoryKind, TargetComponent, Tree, WrittenImage},
    image::Reference,
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["LAYOUT", "PLACES"];

/// The Snapshot, the directory and the target.
#[derive(Debug, Clone)]
pub(crate) struct RenderRequest {
    /// The Snapshot: JSON, a file, or `-`.
    pub(crate) snapshot: String,
    pub(crate) dir: PathBuf,
    /// The directory that is written; new or empty.
    pub(crate) out: PathBuf,
    pub(crate) target: RenderTarget,
    pub(crate) namespace: Option<String>,
    /// Names of components, and the repositories by which the directory names them.
    pub(crate) map: Vec<(String, String)>,
    /// Kinds to leave out of the copy.
    pub(crate) skip: Vec<String>,
    /// Kinds to keep although the target may not hold them.
    pub(crate) allow: Vec<String>,
    /// Accept components that the directory does not deploy.
    pub(crate) allow_missing: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] for a directory that does not exist and for a component that it does not deploy,
/// [`Kind::Usage`] for a component without a digest, an object that the target cannot hold, and a place that
/// cannot be edited.
pub(crate) fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut request: RenderRequest = args.try_into()?;
    request.dir = context.path(Some(&request.dir), "");
    request.out = context.path(Some(&request.out), "");
    perform(&request, context)
}

fn perform(request: &RenderRequest, context: &Context) -> Result<Outcome, Failure> {
    let components = components(request, context)?;
    let mut copy = Copy::read(&request.dir, &request.out)?;
    let tree = Tree::of(copy.files.clone());
    let layout = gitops::layout(&tree, &copy.dir).map_err(edit_failure)?;
    let kinds = Kinds::judge(request, &tree, &copy.dir, layout)?;
    let mut places = Vec::new();
    for (component, image) in &components {
        match filled(&tree, &copy.dir, layout, component, image) {
            Ok(done) => {
                for warning in &done.warnings {
                    tracing::warn!("{warning}");
                }
                places.extend(done.places);
            }
            Err(error @ gitops::Error::NoContainer { .. }) if request.allow_missing => {
                tracing::warn!("{} is not deployed: {error}", component.name);
            }
            Err(error @ gitops::Error::NoContainer { .. }) => {
                let text = format!(
                    "{} of the Snapshot is not deployed: {error}",
                    component.name
                );
                return Err(Failure::message(Kind::NotFound, text).hint(
                    "--map NAME=REPO names its repository in the directory; --allow-missing renders without it",
                ));
            }
            Err(error) => return Err(edit_failure(error)),
        }
    }
    for changed in tree.changes() {
        copy.files.insert(changed.path, changed.after);
    }
    kinds.apply(request, layout, &mut copy)?;
    copy.write(&request.out)?;
    let mut outcome = Outcome {
        stdout: lines(&places).into_bytes(),
        ..Outcome::default()
    };
    let layout = match layout {
        DirectoryKind::Kustomize => "kustomize",
        DirectoryKind::Helm => "helm",
        DirectoryKind::Plain => "plain",
    };
    outcome.results.set("LAYOUT", layout.to_owned());
    outcome.results.set("PLACES", places.len().to_string());
    Ok(outcome)
}

/// Returns each component of the Snapshot with its pinned image.
fn components(
    request: &RenderRequest,
    context: &Context,
) -> Result<Vec<(TargetComponent, Reference)>, Failure> {
    let (snapshot, origin) = read_snapshot(&request.snapshot, context)?;
    let mut found = Vec::new();
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    for component in &snapshot.components {
        let mut image = component.reference(&origin).or_fail(Kind::Usage)?;
        let name = match component.name.as_str() {
            "" => image.repository.last_segment().to_owned(),
            name => name.to_owned(),
        };
        if image.digest.is_none() {
            let text = format!("{name} of {origin} is not pinned: {image}");
            return Err(Failure::message(Kind::Usage, text)
                .hint("gather-images --snapshot resolves every tag once"));
        }
        // The digest decides which image runs; the tag beside it may have moved.
        image.tag = None;
        if let Some(other) = versions.insert(name.clone(), image.to_string())
            && other != image.to_string()
        {
            let text = format!("{origin} has {name} twice: {other} and {image}");
            return Err(Failure::message(Kind::Usage, text)
                .hint("a directory deploys one version of a component: give a Snapshot with one"));
        }
        let mut repositories = vec![image.repository.to_string()];
        let mapped = request.map.iter().filter(|(known, _)| *known == name);
        repositories.extend(mapped.map(|(_, repository)| repository.clone()));
        found.push((TargetComponent { name, repositories }, image));
    }
    if found.is_empty() {
        let text = format!("{origin} has no components: nothing would be rendered");
        return Err(Failure::message(Kind::NotFound, text));
    }
    let known = |name: &String| found.iter().any(|(component, _)| component.name == *name);
    match request.map.iter().find(|(name, _)| !known(name)) {
        Some((name, _)) => {
            let text = format!("--map names {name}, which {origin} does not have");
            Err(Failure::message(Kind::Usage, text))
        }
        None => Ok(found),
    }
}

/// Sets the image by its digest; where the present place can hold a digest beside a tag alone, with a tag that
/// is derived from the digest.
fn filled(
    tree: &Tree<'_>,
    dir: &str,
    layout: DirectoryKind,
    component: &TargetComponent,
    image: &Reference,
) -> Result<gitops::EditOutcome, gitops::Error> {
    let refused = match gitops::fill(tree, dir, layout, component, image) {
        Err(error @ gitops::Error::NotEditable { .. }) => error,
        done => return done,
    };
    let hex = image.digest.map(|digest| digest.hex()).unwrap_or_default();
    let tag = format!("sha256-{}", hex.chars().take(12).collect::<String>());
    let mut tagged = image.clone();
    tagged.tag = tag.parse().ok();
    gitops::fill(tree, dir, layout, component, &tagged).map_err(|_| refused)
}

/// Returns one line for each place: file, path, the text before and after.
fn lines(places: &[WrittenImage]) -> String {
    let one = |place: &WrittenImage| {
        let path = crate::text::line(&place.path);
        format!(
            "{} {path} {} -> {}\n",
            crate::text::line(&place.file),
            crate::text::line(&place.old),
            crate::text::line(&place.new)
        )
    };
    places.iter().map(one).collect()
}
