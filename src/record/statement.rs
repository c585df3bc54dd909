//! Makes the statements about a promoted image: the verification summary (SLSA 1.2, "Verification Summary Attestation")
//! and the promotion. Both depend on the hand-over files alone, so the same files result in the same bytes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use crate::trust::{PROMOTION, VSA};
use crate::{
    handover::{Promoted, PromotedComponent, Verified, VerifiedComponent},
    image::{Digest, DigestReference},
};

/// The type of an in-toto statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The SLSA version in summaries.
const SLSA_VERSION: &str = "1.2";
/// Checks that may be skipped without losing evidence.
const LOGS: [&str; 2] = ["transparency-log", "certificate-log"];
/// The property in the summary of an image that passed a policy.
const PASSED: &str = "PROMOTE_POLICY_PASSED";

/// A level that a summary lists if all its rules passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedLevel {
    /// The name of the level, such as `SLSA_BUILD_LEVEL_3`.
    pub(crate) name: String,
    pub(crate) rules: Vec<String>,
}

/// An approval of the promotion, as the caller passes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    pub(crate) by: String,
}

/// The place in the GitOps repository that names the image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct GitopsPlace {
    /// The component; empty for all components.
    #[serde(skip)]
    pub(crate) component: String,
    /// The environment; empty for every one.
    #[serde(skip)]
    pub(crate) environment: String,
    pub(crate) uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
}

/// The pipeline run of the promotion, by its page and names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PromotionRun {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pipeline_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
}

/// The facts from which every statement of a run is made.
#[derive(Debug, Clone)]
pub(crate) struct PromotionFacts {
    pub(crate) verified: Verified,
    pub(crate) promoted: Promoted,
    /// SHA-256 of the file `promoted.json`.
    pub(crate) promoted_digest: Digest,
    pub(crate) verifier_id: String,
    /// The stable name of the policy.
    pub(crate) policy_uri: String,
    pub(crate) environment: String,
    /// The levels that summaries may list.
    pub(crate) levels: Vec<VerifiedLevel>,
    /// The codes of the rules that passed, by component.
    pub(crate) passed: Vec<(String, BTreeSet<String>)>,
    pub(crate) approvals: Vec<Approval>,
    /// The places in the GitOps repository.
    pub(crate) gitops: Vec<GitopsPlace>,
    pub(crate) run: PromotionRun,
    /// When the promotion statement expires (RFC 3339).
    pub(crate) expires: Option<String>,
}

impl PromotionFacts {
    /// Returns the verdict about a component, by name and version.
    pub(super) fn verdict(&self, promoted: &PromotedComponent) -> Option<&VerifiedComponent> {
        let mut components = self.verified.components.iter();
        components.find(|verified| {
            (&verified.name, &verified.version) == (&promoted.name, &promoted.version)
        })
    }

    /// Returns the levels that rules proved for a component, and the property of a passed policy.
    ///
    /// The report lists components without their versions, so every version must have passed.
    fn levels(&self, component: &PromotedComponent) -> Vec<String> {
        let named = self.passed.iter().filter(|(of, _)| *of == component.name);
        let passed: Vec<_> = named.map(|(_, codes)| codes).collect();
        let verdict = self.verdict(component);
        let excepted = verdict.is_none_or(|verdict| !verdict.exceptions.is_empty());
        let proved = |level: &&VerifiedLevel| {
            let has = |rule: &String| {
                !passed.is_empty() && passed.iter().all(|codes| codes.contains(rule))
            };
            !excepted && !level.rules.is_empty() && level.rules.iter().all(has)
        };
        let proved = self.levels.iter().filter(proved);
        let names = proved.map(|level| level.name.clone());
        names.chain([PASSED.to_owned()]).collect()
    }

    /// Makes the verification summary of an image or of one of its platforms.
    pub(super) fn vsa(&self, component: &PromotedComponent, image: &DigestReference) -> Value {
        let verified = &self.verified;
        let mut predicate = json!({
            "verifier": {
                "id": self.verifier_id,
                "version": {"promote": env!("CARGO_PKG_VERSION")},
            },
            "timeVerified": verified.verified_at,
            "resourceUri": image.to_string(),
            "policy": {"uri": self.policy_uri, "digest": digest_set(verified.policy.digest)},
        });
        // A summary lists all evidence; skipped log checks do not change the evidence that is read.
        let is_whole = |check: &String| LOGS.contains(&check.as_str());
        if verified.skipped_checks.iter().all(is_whole)
            && let Some(verdict) = self.verdict(component)
            && !verdict.opened.is_empty()
        {
            let opened = verdict.opened.iter();
            predicate["inputAttestations"] = opened
                .map(|digest| json!({"digest": digest_set(*digest)}))
                .collect();
        }
        predicate["verificationResult"] = "PASSED".into();
        predicate["verifiedLevels"] = self.levels(component).into();
        predicate["slsaVersion"] = SLSA_VERSION.into();
        about(image, VSA, predicate)
    }

    /// Makes the promotion statement of an image.
    pub(super) fn promotion(
        &self,
        component: &PromotedComponent,
        image: &DigestReference,
        evidence: Digest,
    ) -> Value {
        let (verified, promoted) = (&self.verified, &self.promoted);
        let here = component
            .destinations
            .iter()
            .filter(|place| place.repository == image.repository);
        let tags: Vec<_> = here.filter_map(|place| place.tag.as_ref()).collect();
        let tags: Vec<_> = tags.iter().map(|tag| tag.as_str()).collect();
        let gitops = self.gitops.iter();
        let gitops: Vec<_> = gitops
            .filter(|place| place.component.is_empty() || place.component == component.name)
            .filter(|place| place.environment.is_empty() || place.environment == self.environment)
            .collect();
        let exceptions = self.verdict(component);
        let exceptions = exceptions.map(|verdict| verdict.exceptions.clone());
        let mut predicate = json!({
            "verifier": {"id": self.verifier_id},
            "environment": self.environment,
            "component": component.name,
            "promotedAt": promoted.promoted_at.as_ref().unwrap_or(&verified.verified_at),
            "source": component.source.to_string(),
            "destination": image.repository.to_string(),
            "tags": tags,
            "previous": component.previous_digest.map(|digest| json!({"digest": digest_set(digest)})),
            "git": {
                "uri": promoted.source.as_ref().map(|source| source.url.clone()),
                "tag": promoted.git_tag,
                "commit": promoted.commit,
            },
            "approvals": self.approvals,
            "gitops": gitops,
            "policy": {"uri": self.policy_uri, "digest": digest_set(verified.policy.digest)},
            "exceptions": exceptions.unwrap_or_default(),
            "skippedChecks": verified.skipped_checks,
            "unchecked": promoted.unchecked,
            "verifiedDigest": promoted.verified_digest,
            "promotedDigest": self.promoted_digest,
            "reportDigest": verified.report_digest,
            "evidenceDigest": evidence,
            "tool": {"name": "promote", "version": env!("CARGO_PKG_VERSION")},
            "run": self.run,
        });
        if let Some(expires) = &self.expires {
            predicate["expires"] = expires.as_str().into();
        }
        about(image, PROMOTION, predicate)
    }
}

/// Checks the name of a level: a SLSA track and number, or a custom property.
pub(crate) fn is_level(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return false;
    }
    let Some(rest) = name.strip_prefix("SLSA_") else {
        return true;
    };
    // Verifiers refuse the entire summary if it has another name of this form.
    let parts = rest.split_once("_LEVEL_");
    parts.is_some_and(|(track, level)| {
        !track.is_empty()
            && track.chars().all(|c| c.is_ascii_uppercase())
            && level.len() == 1
            && level.chars().all(|c| c.is_ascii_digit())
    })
}

fn digest_set(digest: Digest) -> Value {
    json!({digest.algorithm(): digest.hex()})
}

fn about(image: &DigestReference, predicate_type: &str, predicate: Value) -> Value {
    json!({
        "_type": STATEMENT,
        "subject": [{"name": image.repository.to_string(), "digest": digest_set(image.digest)}],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
}
