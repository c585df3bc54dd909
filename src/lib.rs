//! Promotes verified container images to production.
//!
//! An event becomes a tag; a tag becomes digests; digests become evidence; evidence becomes a
//! verdict; a verdict allows a copy; a copy allows an edit. `docs/architecture.md` has the
//! picture, the table of modules and the rules for dependencies between them.

mod budget;
pub mod cli;
mod clock;
mod commands;
mod env;
mod event;
mod evidence;
mod failure;
mod forge;
#[cfg(test)]
mod fuzz;
mod gate;
mod git;
mod gitops;
mod handover;
mod http;
mod image;
mod json;
mod kube;
mod lineage;
mod lint;
mod policy;
mod progress;
mod record;
mod registry;
mod release;
mod report;
mod snapshot;
mod stop;
mod tekton;
mod text;
mod trust;
