//! The request to the gate and what it works with.

use super::{Moment, PolicyRequest};
use crate::{
    env::Env, git::Git, http::Http, policy::Dialect, registry::Registry, trust::TrustRequest,
};

/// Everything that decides about a list of images.
#[derive(Debug, Clone)]
pub(crate) struct GateRequest {
    pub(crate) trust: TrustRequest,
    pub(crate) policy: PolicyRequest,
    /// The moment for which the dates of rules are judged.
    pub(crate) moment: Moment,
    pub(crate) checks: Checks,
    /// How many images are examined at the same time.
    pub(crate) workers: u16,
    /// Details that reports need besides the results.
    pub(crate) keep: Keep,
    /// How names and messages are worded.
    pub(crate) wording: Dialect,
    /// Weakenings beside the checks that are left out, as reports and `verified.json` record them.
    pub(crate) recorded: Vec<String>,
    /// True if evidence must name the component's own repository or source.
    pub(crate) require_source: bool,
    /// True to judge an image without any attestation by its content and signature.
    pub(crate) allow_unattested: bool,
}

/// The clients that a gate works with.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// The environment as it was at the start.
    pub(crate) env: Env,
    pub(crate) http: Http,
    pub(crate) registry: Registry,
    pub(crate) git: Git,
}

/// Which checks of signatures are made. Without one of them no image passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checks {
    pub(crate) image_signature: bool,
    pub(crate) attestation_signature: bool,
}

impl Checks {
    /// Returns the names that reports use for what is left out.
    pub(crate) fn skipped(self) -> Vec<String> {
        let names = [
            (self.image_signature, "image-signature"),
            (self.attestation_signature, "attestation-signature"),
        ];
        let skipped = names.into_iter().filter(|(made, _)| !made);
        skipped.map(|(_, name)| name.to_owned()).collect()
    }
}

/// Details of each component that are kept because a report shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) statements: bool,
    pub(crate) inputs: bool,
    /// The details of rules that passed: of a policy with many, most of what a run would hold.
    pub(crate) passed: bool,
}
