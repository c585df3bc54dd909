//! The flags of `plan-release` and the typed request that they become.

use std::path::PathBuf;

use super::PlanRequest;
use crate::commands::cluster::ClusterFlags;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Snapshot: a file, - for standard input, the JSON itself, or k8s:[NAMESPACE/]NAME
    #[arg(long, value_name = "SNAPSHOT")]
    snapshot: String,
    /// The Release: a file or k8s:[NAMESPACE/]NAME
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// The ReleasePlan: a file or k8s:[NAMESPACE/]NAME
    #[arg(long, value_name = "PLAN")]
    release_plan: Option<String>,
    /// The ReleasePlanAdmission: a file or k8s:[NAMESPACE/]NAME
    #[arg(long, value_name = "ADMISSION")]
    release_plan_admission: Option<String>,
    /// Release only the component that the Snapshot was made for [default: as the data set it]
    #[arg(long)]
    single_component: bool,
    /// Leave out components that the mapping does not have, and entries without a component
    #[arg(long)]
    allow_unmapped: bool,
    /// Release images that the registry will delete because of their label quay.expires-after
    #[arg(long)]
    allow_expiring: bool,
    /// Try whether the credentials may push to every repository that gets a tag; an upload is opened and cancelled
    #[arg(long)]
    check_rights: bool,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Where to write the Snapshot's images [default: images.json]
    #[arg(long, value_name = "FILE")]
    images_out: Option<PathBuf>,
    /// Where to write the repositories and tags [default: release.json]
    #[arg(long, value_name = "FILE")]
    release_out: Option<PathBuf>,
}

impl From<Args> for PlanRequest {
    fn from(args: Args) -> Self {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            snapshot: args.snapshot,
            release: given(args.release),
            plan: given(args.release_plan),
            admission: given(args.release_plan_admission),
            single_component: args.single_component,
            allow_unmapped: args.allow_unmapped,
            allow_expiring: args.allow_expiring,
            check_rights: args.check_rights,
            cluster: args.cluster,
            images_out: args.images_out,
            release_out: args.release_out,
        }
    }
}
