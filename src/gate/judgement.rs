//! The judgement over a list: the result of each image, the report, and `verified.json`.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Error, attached::AttachmentRecord};
use crate::{
    handover::{self, UnreadableFact, VERSION, Verified, VerifiedComponent},
    image::{Digest, DigestReference},
    policy::{Opinion, Pass, Policies, UnseenFact},
    report::{Report, ReportedComponent},
    snapshot::{self, Images},
    trust::SignatureFailure,
};

/// The judgement over one image, as far as it could be examined.
#[derive(Debug)]
pub(crate) struct ImageJudgement {
    pub(crate) report: ReportedComponent,
    /// The identity of the listed component that the image belongs to.
    pub(super) of: String,
    /// The pass by verified evidence and the policy.
    pub(super) pass: Option<Pass>,
    /// Accepted evidence and everything that was attached.
    pub(super) record: AttachmentRecord,
    /// Why the image could not be judged.
    pub(crate) error: Option<Error>,
    /// The signatures or attestations that are missing.
    pub(crate) missing: Vec<SignatureFailure>,
    /// Facts that could not be read and are not used by a selected rule.
    pub(super) spared: Vec<UnseenFact>,
    /// Facts that a selected rule uses and that could not be read: the image does not pass.
    pub(crate) unread: Option<Error>,
    /// The effective time of the rules, if they were evaluated.
    pub(super) at: Option<Timestamp>,
}

impl ImageJudgement {
    /// Returns a judgement without any result, which does not pass.
    pub(super) fn new(report: ReportedComponent, of: &str) -> Self {
        Self {
            report,
            of: of.to_owned(),
            pass: None,
            record: AttachmentRecord::default(),
            error: None,
            missing: Vec::new(),
            spared: Vec::new(),
            unread: None,
            at: None,
        }
    }

    /// Adds the policy's results for an effective time.
    pub(super) fn add_opinion(&mut self, opinion: Opinion, at: Timestamp) {
        self.record.opened_by_rules(&opinion.opened);
        let (outcome, unread, pass) = opinion.into_parts();
        for spared in &unread.spared {
            tracing::warn!("{spared}, and no selected rule uses it");
        }
        self.report.unreadable = unread.spared.iter().map(ToString::to_string).collect();
        self.spared = unread.spared;
        self.unread = (!unread.needed.is_empty()).then_some(Error::Unreadable(unread.needed));
        self.report.violations.extend(outcome.violations);
        self.report.warnings.extend(outcome.warnings);
        self.report.successes.extend(outcome.successes);
        self.report.exceptions = outcome.exceptions;
        self.pass = pass;
        self.at = Some(at);
    }

    /// Records the error that prevented a judgement.
    pub(super) fn fail(&mut self, error: Error) {
        self.report.error = Some(error.to_string());
        self.error = Some(error);
    }

    /// Tells whether the pass is for exactly this image, by repository and digest.
    fn is_about(&self, image: &DigestReference) -> bool {
        self.pass.as_ref().is_some_and(|pass| pass.image() == image)
    }

    /// Tells whether the image may be promoted.
    fn passes(&self) -> bool {
        self.pass.is_some() && self.report.success
    }

    /// Tells whether the image was judged, with whatever result.
    fn is_judged(&self) -> bool {
        self.error.is_none()
    }
}

/// The judgement over a list of images.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// The images, in the order in which rules see them.
    pub(crate) components: Vec<ImageJudgement>,
    /// The latest effective time of the rules.
    pub(super) at: Timestamp,
    pub(super) policies: Policies,
    /// The public keys as PEM; empty for keyless signers.
    pub(super) key: String,
    pub(super) identity: Option<handover::SignerIdentity>,
    /// The skipped checks, by their names in reports.
    pub(super) skipped_checks: Vec<String>,
    /// The stable name of the policy.
    pub(super) policy_uri: Option<String>,
}

impl Judgement {
    /// Collects the judgements; the latest effective time among them becomes that of the list.
    pub(super) fn new(
        components: Vec<ImageJudgement>,
        policies: Policies,
        start: Timestamp,
    ) -> Self {
        let latest = components.iter().filter_map(|judged| judged.at).max();
        Self {
            components,
            at: latest.unwrap_or(start),
            policies,
            key: String::new(),
            identity: None,
            skipped_checks: Vec::new(),
            policy_uri: None,
        }
    }

    /// Tells whether any image was judged; true for an empty list.
    pub(crate) fn is_judged(&self) -> bool {
        self.components.is_empty() || self.components.iter().any(ImageJudgement::is_judged)
    }

    /// Returns the report, with components and results sorted.
    pub(crate) fn report(&self) -> Report {
        let components = self.components.iter();
        let mut report = Report {
            success: self.components.iter().all(|judged| judged.report.success),
            components: components.map(|judged| judged.report.clone()).collect(),
            key: self.key.clone(),
            policy: self.policies.spec().clone(),
            version: concat!("promote ", env!("CARGO_PKG_VERSION")).to_owned(),
            effective_time: self.at.to_string(),
            skipped_checks: self.skipped_checks.clone(),
            ..Report::default()
        };
        report.sort();
        report
    }

    /// Returns the content of `verified.json` for the list with this digest.
    pub(crate) fn verified(
        &self,
        images: &Images,
        report_digest: Digest,
        now: Timestamp,
    ) -> Verified {
        let promote = images.snapshot.promote.as_ref();
        let components = images.components();
        let components =
            components.map(|(component, image)| self.verified_component(component, image));
        Verified {
            version: VERSION,
            images_digest: images.digest,
            git_tag: promote.and_then(|promote| promote.git_tag.clone()),
            commit: promote.and_then(|promote| promote.commit.clone()),
            destination_tag: promote.and_then(|promote| promote.destination_tag.clone()),
            verified_at: now.to_string(),
            effective_time: self.at.to_string(),
            policy: handover::PolicyRecord {
                uri: self.policy_uri.clone(),
                sources: self.policies.pinned().to_vec(),
                digest: self.policies.digest(),
            },
            report_digest,
            key: Some(self.key.clone()).filter(|key| !key.is_empty()),
            identity: self.identity.clone(),
            skipped_checks: self.skipped_checks.clone(),
            unchecked: Vec::new(),
            shard: None,
            source: images.snapshot.source_commit(),
            components: components.collect(),
        }
    }

    /// Returns the verdict for one component, which passes only if every child of its index passes.
    fn verified_component(
        &self,
        component: &snapshot::Component,
        image: &DigestReference,
    ) -> VerifiedComponent {
        let identity = component.identity();
        let own = || {
            self.components
                .iter()
                .filter(|judged| judged.of == identity)
        };
        let exceptions: BTreeSet<_> = own()
            .flat_map(|judged| judged.report.exceptions.clone())
            .collect();
        let mut unreadable = Vec::new();
        for spared in own().flat_map(|judged| &judged.spared) {
            let fact = UnreadableFact {
                fact: spared.fact.clone(),
                reason: format!("{}: {}", spared.of, spared.reason),
            };
            if !unreadable.contains(&fact) {
                unreadable.push(fact);
            }
        }
        let count = |of: fn(&ReportedComponent) -> usize| {
            own().map(|judged| of(&judged.report) as u64).sum()
        };
        let mut record = AttachmentRecord::default();
        own().for_each(|judged| record.add(&judged.record));
        VerifiedComponent {
            name: component.name.clone(),
            version: component.version().map(str::to_owned),
            container_image: image.clone(),
            success: own().any(|judged| judged.is_about(image))
                && own().all(ImageJudgement::passes),
            violations: count(|report| report.violations.len()),
            warnings: count(|report| report.warnings.len()),
            exceptions: exceptions.into_iter().collect(),
            evidence: record.evidence(),
            attached: record.attached(),
            opened: record.opened(),
            unreadable,
        }
    }
}
