//! The request to the gate, and the clients that the gate uses.

use super::{Moment, PolicyRequest};
use crate::{
    env::Env, git::Git, http::Http, policy::Dialect, registry::Registry, trust::TrustRequest,
};

/// Every setting that influences the verdict over a list of images.
#[derive(Debug, Clone)]
pub(crate) struct GateRequest {
    pub(crate) trust: TrustRequest,
    pub(crate) policy: PolicyRequest,
    /// The effective time of the rules.
    pub(crate) moment: Moment,
    pub(crate) checks: SignatureChecks,
    /// How many images are examined in parallel.
    pub(crate) workers: u16,
    /// Details that reports need besides the results.
    pub(crate) keep: Keep,
    /// How names and messages are worded.
    pub(crate) wording: Dialect,
    /// Weakened checks besides the skipped ones, as reports and `verified.json` record them.
    pub(crate) recorded: Vec<String>,
    /// True if evidence must name the component's own repository or source.
    pub(crate) require_source: bool,
    /// True to judge an image without any attestation by its content and signature.
    pub(crate) allow_unattested: bool,
}

/// The clients that a gate works with.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// The environment variables at the start of the program.
    pub(crate) env: Env,
    pub(crate) http: Http,
    pub(crate) registry: Registry,
    pub(crate) git: Git,
}

/// The signature checks to make. If one of them is off, no image passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignatureChecks {
    pub(crate) image_signature: bool,
    pub(crate) attestation_signature: bool,
}

impl SignatureChecks {
    /// Returns the skipped checks by their names in reports.
    pub(crate) fn skipped(self) -> Vec<String> {
        let names = [
            (self.image_signature, "image-signature"),
            (self.attestation_signature, "attestation-signature"),
        ];
        let skipped = names.into_iter().filter(|(made, _)| !made);
        skipped.map(|(_, name)| name.to_owned()).collect()
    }
}

/// Details of each component to keep for the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) statements: bool,
    pub(crate) inputs: bool,
    /// The details of rules that passed: most of the memory of a run with a large policy.
    pub(crate) passed: bool,
}
