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
    /// The Snapshot, or images.json: a file, - for standard input, or JSON
    #[arg(long, value_name = "FILE|JSON")]
    snapshot: String,
    /// The directory to copy: a kustomization, a Helm chart, or manifests; file:NAME is in the data directory
    ///
    /// Files outside of it that a kustomization reads, such as ../../base, are copied too. Apply the copy of a
    /// kustomization with kubectl apply -k, the copy of a chart with helm, and other files with kubectl apply -f.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The directory to write; it must be new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where the objects will be applied; a namespace cannot hold some kinds
    #[arg(long, value_name = "TARGET", default_value = "namespace")]
    target: RenderTarget,
    /// Set this namespace on every object
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The repository that the directory uses for a component's image
    #[arg(long, value_name = "NAME=REPO")]
    map: Vec<String>,
    /// The same as --map, as arguments after --
    #[arg(last = true, value_name = "NAME=REPO")]
    maps: Vec<String>,
    /// Leave out objects of these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    skip_kinds: Vec<String>,
    /// Keep objects of these kinds although a test namespace cannot hold them
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    allow_kinds: Vec<String>,
    /// Accept components that the directory does not deploy
    #[arg(long)]
    allow_missing: bool,
}

/// The kind of target that the objects are applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RenderTarget {
    /// A test namespace: without cluster-wide objects, Routes, Ingresses and pods with a deadline
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
