//! `verified.json`: what the run vouches for.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::component::Checked;
use crate::{
    commands::Context,
    handover::{self, VERSION, Verified, VerifiedComponent},
    image::Digest,
    policy::Policies,
    report::Report,
    snapshot::Images,
    trust::{Matcher, Verifier, Who},
};

/// What goes into `verified.json`.
pub(super) struct Verdict<'a> {
    /// The list.
    pub(super) images: &'a Images,
    /// The policy that decided.
    pub(super) policies: &'a Policies,
    /// Who had to sign.
    pub(super) verifier: &'a Verifier,
    /// The moment for which rules were judged.
    pub(super) at: Timestamp,
}

impl Verdict<'_> {
    /// The document.
    pub(super) fn document(
        &self,
        report: &Report,
        checked: &[Checked],
        report_digest: Digest,
        context: &Context,
    ) -> Verified {
        let promote = self.images.snapshot.promote.as_ref();
        let components = self.images.components().map(|(component, image)| {
            // A child of an index decides over its parent too.
            let own = || {
                checked
                    .iter()
                    .filter(|checked| checked.of == component.name)
            };
            let exceptions: BTreeSet<_> = own()
                .flat_map(|checked| checked.report.exceptions.clone())
                .collect();
            VerifiedComponent {
                name: component.name.clone(),
                container_image: image.clone(),
                success: own().next().is_some()
                    && own().all(|checked| checked.vouched && checked.report.success),
                violations: own()
                    .map(|checked| checked.report.violations.len() as u64)
                    .sum(),
                warnings: own()
                    .map(|checked| checked.report.warnings.len() as u64)
                    .sum(),
                exceptions: exceptions.into_iter().collect(),
            }
        });
        Verified {
            version: VERSION,
            images_digest: self.images.digest,
            git_tag: promote.and_then(|promote| promote.git_tag.clone()),
            commit: promote.and_then(|promote| promote.commit.clone()),
            destination_tag: promote.and_then(|promote| promote.destination_tag.clone()),
            verified_at: context.clock.now().to_string(),
            effective_time: self.at.to_string(),
            policy: handover::Policy {
                sources: self.policies.pinned().to_vec(),
                digest: self.policies.digest(),
            },
            report_digest,
            key: Some(report.key.clone()).filter(|key| !key.is_empty()),
            identity: self.identity(),
            skipped_checks: report.skipped_checks.clone(),
            components: components.collect(),
        }
    }

    fn identity(&self) -> Option<handover::Identity> {
        let Who::Identities(identities) = self.verifier.who() else {
            return None;
        };
        let shown = |matchers: Vec<&Matcher>| {
            let texts: Vec<_> = matchers.into_iter().map(Matcher::to_string).collect();
            texts.join(" or ")
        };
        Some(handover::Identity {
            subject: shown(
                identities
                    .iter()
                    .map(|identity| &identity.subject)
                    .collect(),
            ),
            issuer: shown(
                identities
                    .iter()
                    .take(1)
                    .map(|identity| &identity.issuer)
                    .collect(),
            ),
        })
    }
}
