//! Decides which images of a list may be promoted, by trusted signers and a policy.
//!
//! [`Gate::open`] locates, fetches and compiles the policy and loads keys and roots,
//! [`Gate::judge`] examines every image and evaluates the policy for it. [`Replay`] evaluates a
//! policy for saved inputs. The commands `verify-ec` and `ec validate image` use it; flags are
//! parsed there.

mod attached;
mod builtins;
mod component;
mod error;
mod images;
mod judgement;
mod moment;
mod policies;
mod replay;
mod request;
mod resolve;
mod sigstore_builtins;
mod source;

pub(crate) use error::Error;
pub(crate) use images::image_list;
pub(crate) use judgement::{ImageJudgement, Judgement};
pub(crate) use moment::Moment;
pub(crate) use policies::{PolicyRequest, fetcher};
pub(crate) use replay::Replay;
pub(crate) use request::{Clients, GateRequest, Keep, SignatureChecks};

use std::collections::BTreeSet;

use crate::{
    handover,
    policy::{self, Dialect, Policies},
    snapshot::{Images, Snapshot},
    trust::{ImageVerifier, Matcher, TrustedKey, TrustedSigners},
};

/// A policy and trusted signers, ready to judge images.
#[derive(Debug)]
pub(crate) struct Gate {
    clients: Clients,
    verifier: ImageVerifier,
    policies: Policies,
    moment: Moment,
    checks: SignatureChecks,
    workers: u16,
    keep: Keep,
    /// How rules are selected and indexes are expanded.
    dialect: Dialect,
    /// How names and messages are worded.
    wording: Dialect,
    /// The stable name of the policy.
    policy_uri: Option<String>,
    /// Weakened checks that are recorded in addition to the skipped ones.
    recorded: Vec<String>,
    /// True if evidence must name the component's own repository or source.
    require_source: bool,
    /// True to judge an image without any attestation by its content and signature.
    allow_unattested: bool,
}

impl Gate {
    /// Locates, fetches and compiles the policy, and loads keys and roots.
    ///
    /// # Errors
    /// Returns an error for a configuration that cannot be used, or a source that cannot be fetched.
    pub(crate) async fn open(request: GateRequest, clients: &Clients) -> Result<Self, Error> {
        let mut trust = request.trust;
        let fetcher = fetcher(clients);
        let spec = request.policy.locate(&mut trust, &fetcher, clients).await?;
        if request.wording.is_conforma() && trust.public_key.is_empty() {
            policies::check_identity(&trust)?;
        }
        let mut recorded = request.recorded;
        if spec.is_empty() {
            recorded.push("policy-sources".to_owned());
        }
        if request.allow_unattested {
            recorded.push("attestations".to_owned());
        }
        let read = clients.env.read_of_sigstore().into_iter();
        recorded.extend(read.map(|name| format!("environment:{name}")));
        let verifier = trust.verifier(&clients.env, &clients.http).await?;
        let at = request.moment.start();
        let key = first_key(&verifier);
        let policies = request
            .policy
            .load(spec, &trust, key, at, fetcher, clients)
            .await?;
        Ok(Self {
            clients: clients.clone(),
            verifier,
            policies,
            moment: request.moment,
            checks: request.checks,
            workers: request.workers,
            keep: request.keep,
            dialect: request.policy.dialect,
            wording: request.wording,
            policy_uri: policy::policy_uri(&request.policy.policy),
            recorded,
            require_source: request.require_source,
            allow_unattested: request.allow_unattested,
        })
    }

    /// Judges every image of the list and the platform images of its indexes.
    pub(crate) async fn judge(&self, images: &Images) -> Judgement {
        self.judge_part(images, images).await
    }

    /// Judges the components of `part`; rules see the whole list as the Snapshot.
    pub(crate) async fn judge_part(&self, images: &Images, part: &Images) -> Judgement {
        let registry = &self.clients.registry;
        registry.named_by_snapshot(images.components().map(|(_, image)| &image.repository));
        let mut targets = images::expand(images, registry, self.dialect).await;
        let all = targets.iter().map(|target| &target.component);
        let snapshot = images::snapshot_with(&images.snapshot, all);
        let judged: BTreeSet<_> = part.components().map(|(one, _)| one.identity()).collect();
        targets.retain(|target| judged.contains(&target.of));
        let components = self.check_all(&targets, &snapshot).await;
        self.judgement(components)
    }

    /// Judges a Snapshot whose images may be tags, as Conforma's `ec` resolves them.
    ///
    /// # Errors
    /// [`Error::Reference`] for an image that is not a reference.
    pub(crate) async fn judge_snapshot(&self, snapshot: &Snapshot) -> Result<Judgement, Error> {
        let (targets, inaccessible) =
            resolve::resolve(snapshot, &self.clients.registry, self.dialect).await?;
        let all = targets.iter().map(|target| &target.component);
        let all = all.chain(inaccessible.iter().map(|missing| &missing.component));
        let shown = images::snapshot_with(snapshot, all);
        let mut components = self.check_all(&targets, &shown).await;
        components.extend(inaccessible.into_iter().map(resolve::Inaccessible::judged));
        Ok(self.judgement(components))
    }

    fn judgement(&self, components: Vec<ImageJudgement>) -> Judgement {
        let mut skipped_checks = self.verifier.skipped_checks();
        skipped_checks.extend(self.checks.skipped());
        skipped_checks.extend(self.recorded.iter().cloned());
        Judgement {
            key: key(&self.verifier),
            identity: identity(&self.verifier),
            skipped_checks,
            policy_uri: self.policy_uri.clone(),
            ..Judgement::new(components, self.policies.clone(), self.moment.start())
        }
    }
}

fn first_key(verifier: &ImageVerifier) -> Option<&TrustedKey> {
    match verifier.who() {
        TrustedSigners::Keys { keys, .. } => keys.first(),
        TrustedSigners::Identities(_) | TrustedSigners::Stamped(_) => None,
    }
}

/// The public keys as PEM; empty for keyless signers.
fn key(verifier: &ImageVerifier) -> String {
    match verifier.who() {
        TrustedSigners::Keys { keys, .. } => keys.iter().map(TrustedKey::to_pem).collect(),
        TrustedSigners::Identities(_) | TrustedSigners::Stamped(_) => String::new(),
    }
}

fn identity(verifier: &ImageVerifier) -> Option<handover::SignerIdentity> {
    let (TrustedSigners::Identities(identities) | TrustedSigners::Stamped(identities)) =
        verifier.who()
    else {
        return None;
    };
    let shown = |matchers: Vec<&Matcher>| {
        let texts: Vec<_> = matchers.into_iter().map(Matcher::to_string).collect();
        texts.join(" or ")
    };
    let subjects = identities.iter().map(|identity| &identity.subject);
    let issuers = identities.iter().take(1).map(|identity| &identity.issuer);
    Some(handover::SignerIdentity {
        subject: shown(subjects.collect()),
        issuer: shown(issuers.collect()),
    })
}
