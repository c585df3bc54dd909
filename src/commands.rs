//! One file for each subcommand: its flags (whose comments are the help), the typed request that
//! they become, and the text of its result.

pub(crate) mod attest;
pub(crate) mod bundle;
pub(crate) mod cluster;
pub(crate) mod commit_status;
pub(crate) mod completions;
mod context;
pub(crate) mod copy_image;
pub(crate) mod doctor;
pub(crate) mod drop_in;
pub(crate) mod ec;
pub(crate) mod extract_tag;
mod failures;
mod files;
mod flags;
pub(crate) mod gather_images;
pub(crate) mod help;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod lint;
pub(crate) mod man;
mod output;
pub(crate) mod plan_release;
pub(crate) mod policy;
mod record_failures;
pub(crate) mod release_status;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod test_output;
pub(crate) mod trust;
pub(crate) mod trust_flags;
pub(crate) mod update_deployment;
pub(crate) mod verify_ec;
pub(crate) mod why;

pub(crate) use context::{Context, Outcome};
pub(crate) use files::{WriteTarget, in_data_dir, open_special, write_file};
pub(crate) use flags::{booleans, switches};
