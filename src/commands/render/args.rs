//! The flags of `render` and the typed request that they become.

use std::path::PathBuf;

use clap::ValueEnum;

use super::RenderRequest;
use crate::{
    failure::{Failure, Kind, OrFail as _},
    image::Repository,
    kube::is_label,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Snapshot, or images.json: a file, - for standard input, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    snapshot: String,
    /// The directory to copy: a kustomization, a Helm chart, or files of objects; file:NAME is in the data directory
    ///
    /// Files that a kustomization reads outside of it, such as ../../base, are copied too. The copy of a
    /// kustomization is ready for kubectl apply -k, that of a chart for helm, other files for kubectl apply -f.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The directory to write, which is new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The kind of target that the objects are applied to
    #[arg(long, value_name = "TARGET", default_value = "namespace")]
    target: RenderTarget,
    /// Put every object into this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The repository by which the directory names the image of a component
    #[arg(long, value_name = "NAME=REPO")]
    map: Vec<String>,
    /// The same as --map, as arguments behind --
    #[arg(last = true, value_name = "NAME=REPO")]
    maps: Vec<String>,
    /// Leave objects of these kinds out
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    skip_kinds: Vec<String>,
    /// Keep objects of these kinds although the target may not hold them
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    allow_kinds: Vec<String>,
    /// Accept components that the directory does not deploy
    #[arg(long)]
    allow_missing: bool,
}

/// The kind of target that the objects are applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RenderTarget {
    /// A namespace for tests: nothing of the cluster, no Route, no Ingress, no pod with a deadline
    Namespace,
    /// A whole cluster, with objects of every kind
    Cluster,
}

impl TryFrom<Args> for RenderRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        if let Some(name) = args.namespace.as_deref().filter(|name| !is_label(name)) {
            let text = format!("--namespace {name:?} is not a namespace");
            return Err(Failure::message(Kind::Usage, text).hint(
                "up to 63 lower-case letters, digits and '-', a letter or digit first and last",
            ));
        }
        let mut map = Vec::new();
        for given in args.map.iter().chain(&args.maps) {
            let Some((name, repository)) = given.split_once('=') else {
                let text = format!("--map {given} is not NAME=REPO");
                return Err(Failure::message(Kind::Usage, text));
            };
            // The files may have either spelling.
            let full: Repository = repository.parse().or_fail(Kind::Usage)?;
            map.push((name.to_owned(), full.to_string()));
            map.push((name.to_owned(), repository.to_owned()));
        }
        Ok(Self {
            snapshot: args.snapshot,
            dir: args.dir,
            out: args.out,
            target: args.target,
            namespace: args.namespace,
            map,
            skip: args.skip_kinds,
            allow: args.allow_kinds,
            allow_missing: args.allow_missing,
        })
    }
}
