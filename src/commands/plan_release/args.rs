//! The flags of `plan-release` and the typed request that they become.

use std::path::PathBuf;

use super::{PlanRequest, Since};
use crate::{
    commands::cluster::ClusterFlags,
    failure::{Failure, Kind},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Snapshot: a file, - for standard input, JSON, or k8s:[NAMESPACE/]NAME
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
    /// Release only the component that triggered the Snapshot [default: as the release data says]
    #[arg(long)]
    single_component: bool,
    /// Release only images that changed since this Snapshot of the previous release: a file or k8s:[NAMESPACE/]NAME
    #[arg(long, value_name = "SNAPSHOT")]
    previous_snapshot: Option<String>,
    /// Release only images that differ from the candidates in this ComponentGroup: a file or k8s:[NAMESPACE/]NAME
    #[arg(long, value_name = "GROUP")]
    component_group: Option<String>,
    /// Skip components without a mapping, and mappings without a component
    #[arg(long)]
    allow_unmapped: bool,
    /// Accept images that the registry will delete, as their label quay.expires-after says
    #[arg(long)]
    allow_expiring: bool,
    /// Check that the credentials may push to every repository, with an upload that is cancelled
    #[arg(long)]
    check_rights: bool,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Where to write the list of images [default: images.json]
    #[arg(long, value_name = "FILE")]
    images_out: Option<PathBuf>,
    /// Where to write the repositories and tags [default: release.json]
    #[arg(long, value_name = "FILE")]
    release_out: Option<PathBuf>,
}

impl TryFrom<Args> for PlanRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let since = match (given(args.previous_snapshot), given(args.component_group)) {
            (Some(_), Some(_)) => {
                let text = "--previous-snapshot cannot be used with --component-group";
                return Err(Failure::message(Kind::Usage, text)
                    .hint("name the list of images that the last release left"));
            }
            (snapshot, group) => snapshot.map(Since::Snapshot).or(group.map(Since::Group)),
        };
        Ok(Self {
            snapshot: args.snapshot,
            release: given(args.release),
            plan: given(args.release_plan),
            admission: given(args.release_plan_admission),
            single_component: args.single_component,
            since,
            allow_unmapped: args.allow_unmapped,
            allow_expiring: args.allow_expiring,
            check_rights: args.check_rights,
            cluster: args.cluster,
            images_out: args.images_out,
            release_out: args.release_out,
        })
    }
}
