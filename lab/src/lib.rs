//! The laptop universe of `promote`: servers, keys and artefacts for the tests and the demo.
//!
//! It shares no code with `promote`, so that one misunderstanding cannot sit on both sides of a test.

#![expect(
    clippy::missing_errors_doc,
    reason = "a test or the demo only shows an error of the lab and ends"
)]

pub mod binary;
pub mod chain;
mod checkout;
pub mod demo;
pub mod event;
pub mod evidence;
pub mod forge;
pub mod git;
pub mod kube;
pub mod registry;
pub mod release;
pub mod serve;
mod server;
pub mod signer;
pub mod sigstore;
pub mod tekton;
pub mod tls;
pub mod token;
pub mod universe;
