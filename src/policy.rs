//! Evaluates a policy for an image: its sources, the document that rules see, their results and the
//! verdict, as in Conforma's `ec validate image`. [`rego`] wraps the Rego engine.

mod annotated;
mod archive;
pub(crate) mod config;
mod criteria;
mod data;
mod dialect;
mod evaluate;
mod evidence;
mod finding;
mod foreign;
pub(crate) mod input;
mod inspect;
mod layers;
mod local;
mod locate;
mod metadata;
mod outcome;
mod policies;
mod refers;
pub(crate) mod rego;
mod seen;
mod shape;
pub(crate) mod source;
mod syntax;
mod unnamed;
mod unread;
mod uri;

#[cfg(test)]
pub(crate) use archive::of_any_files as archive_of_any_files;
pub(crate) use archive::{clean as clean_path, matching_files as files_of_archive};
pub(crate) use config::PolicySpec;
pub(crate) use dialect::Dialect;
pub(crate) use evidence::{Evidence, Opinion, Pass, UnverifiedEvidence, VerifiedEvidence};
pub(crate) use finding::{PASS, RuleFinding};
pub(crate) use input::{Background, ImageFacts, Sig};
pub(crate) use inspect::{InspectedRule, inspect};
pub(crate) use local::{Hidden, Paths};
pub(crate) use locate::{Error as LocateError, locate, rule_data_text};
pub(crate) use policies::{Error, EvaluationTarget, Policies, Settings};
pub(crate) use seen::{Cause, UnseenFact, UnseenReason};
pub(crate) use source::Fetcher;
pub(crate) use syntax::check as check_syntax;
pub(crate) use uri::policy_uri;

#[cfg(test)]
mod tests;
