//! `attest`: writes the evidence bundle, the verification summary and the promotion statement beside each promoted image.
//!
//! 1. read the hand-over files and the report; each must be the one that the next names
//! 2. load the key, or let Fulcio certify one; refuse a signer that is trusted for images
//! 3. for each image write what is not attached yet
//! 4. write `attested.json`

mod args;
mod files;
mod output;

use std::{collections::BTreeSet, path::PathBuf};

pub(crate) use args::Args;
pub(in crate::commands) use args::without_login;
use files::PromotionFiles;

use super::{Context, Outcome, files::remove_file, record_failures::record_failure};
use crate::{
    failure::{Failure, Kind},
    handover::VerifiedFile,
    image::Digest,
    record::{
        Approval, GitopsPlace, ImageRecord, PROMOTION, PromotionFacts, PromotionRun, Recorder,
        Signing, SigningServices, StatementKey, StatementLayout, VSA, VerifiedLevel,
    },
    trust::{self, TrustedKey},
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["ATTESTED", "EVIDENCE_DIGEST", "LINK_TO_EVIDENCE"];

/// A document that `attest` attaches to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StatementKind {
    /// The evidence bundle: hand-over files, report and policy
    Evidence,
    /// The signed verification summary (SLSA VSA)
    Vsa,
    /// The signed promotion statement
    Promotion,
    /// Nothing
    None,
}

/// The documents to attach, and the images.
#[derive(Debug, Clone)]
pub(crate) struct AttestRequest {
    pub(crate) files: FilesRequest,
    /// The environments; each gets a record of its own.
    pub(crate) environments: Vec<String>,
    pub(crate) verifier_id: Option<String>,
    /// The stable name of the policy; `None` is that of the verdict.
    pub(crate) policy_uri: Option<String>,
    /// The key that signs: a file or a Secret.
    pub(crate) signing_key: Option<String>,
    pub(crate) password: Option<PathBuf>,
    /// The services that certify, log and stamp.
    pub(crate) services: SigningServices,
    /// The documents; empty is everything that can be.
    pub(crate) statements: Vec<StatementKind>,
    /// The layout; `None` follows the image's own signatures.
    pub(crate) layout: Option<StatementLayout>,
    pub(crate) levels: Vec<VerifiedLevel>,
    pub(crate) approvals: Vec<Approval>,
    /// The places in the GitOps repository.
    pub(crate) gitops: Vec<GitopsPlace>,
    pub(crate) run: PromotionRun,
    /// How long the promotion statement is accepted.
    pub(crate) valid_for: Option<std::time::Duration>,
    /// The directory for copies of everything that was attached.
    pub(crate) out: Option<PathBuf>,
    pub(crate) dry_run: bool,
}

/// The hand-over files by the flags that name them; `None` is the default name.
#[derive(Debug, Clone, Default)]
pub(crate) struct FilesRequest {
    pub(crate) images: Option<PathBuf>,
    pub(crate) verified: Option<PathBuf>,
    pub(crate) verified_digest: Option<Digest>,
    pub(crate) promoted: Option<PathBuf>,
    pub(crate) promoted_digest: Option<Digest>,
    pub(crate) report: Option<PathBuf>,
}

/// The documents that `attest` attached to each image.
#[derive(Debug)]
pub(crate) struct AttestedImages {
    /// The record of each image for each environment, in the order of `promoted.json`.
    pub(crate) attested: Vec<ImageRecord>,
    link: Option<String>,
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Refused`] for files that do not belong together or an image that was not verified, [`Kind::Usage`] for a
/// key that signs images, [`Kind::NotFound`] for a file that is not there, [`Kind::Remote`] for a service that fails.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    Ok(perform(&args.try_into()?, context).await?.outcome())
}

/// Attaches what the request names.
///
/// # Errors
/// As [`run`].
pub(crate) async fn perform(
    request: &AttestRequest,
    context: &Context,
) -> Result<AttestedImages, Failure> {
    let statements = request.statements()?;
    if !request.dry_run {
        remove_file(&context.path(None, "attested.json"))?;
    }
    if statements.contains(&StatementKind::None) {
        return Ok(AttestedImages::none(request.dry_run));
    }
    let files = PromotionFiles::read(&request.files, context)?;
    let mut evidence = files.evidence()?;
    evidence.run_url.clone_from(&request.run.url);
    let kinds = predicate_types(&statements);
    let subject = match kinds.is_empty() {
        true => None,
        false => Some(request.subject(&files)?),
    };
    let signing = match &subject {
        Some(_) => request.signing(&files.verdict, context).await?,
        None => None,
    };
    // A statement that names an evidence bundle is not written without it.
    let records = statements.contains(&StatementKind::Evidence) || kinds.contains(&PROMOTION);
    let mut attested = Vec::new();
    let environments: BTreeSet<_> = request.environments.iter().collect();
    for environment in environments {
        evidence.environment = Some(environment.clone());
        let subject = subject.clone().map(|subject| PromotionFacts {
            environment: environment.clone(),
            ..subject
        });
        let recorder = Recorder {
            registry: &context.registry,
            environment,
            evidence: records.then_some(&evidence),
            subject: subject.as_ref().map(|subject| (subject, kinds.as_slice())),
            signing: signing.as_ref(),
            layout: request.layout,
            verified_at: &files.verdict.verified().verified_at,
            dry_run: request.dry_run,
        };
        let recorded = recorder.record(files.jobs()?).await;
        attested.extend(recorded.map_err(record_failure)?);
    }
    let done = AttestedImages {
        link: link(&attested, context),
        attested,
        dry_run: request.dry_run,
    };
    if !request.dry_run {
        output::write_attested(&done, &files, context)?;
    }
    if let Some(out) = &request.out {
        output::write_copies(&done, out)?;
    }
    Ok(done)
}

impl AttestedImages {
    fn none(dry_run: bool) -> Self {
        Self {
            attested: Vec::new(),
            link: None,
            dry_run,
        }
    }
}

/// Returns the predicate types of the statements that are signed.
fn predicate_types(statements: &[StatementKind]) -> Vec<&'static str> {
    let signed = [
        (StatementKind::Vsa, VSA),
        (StatementKind::Promotion, PROMOTION),
    ];
    let signed = signed.into_iter();
    signed
        .filter(|(statement, _)| statements.contains(statement))
        .map(|(_, kind)| kind)
        .collect()
}

/// Returns the address of the first evidence bundle, for people and portals.
fn link(attested: &[ImageRecord], context: &Context) -> Option<String> {
    let first = attested.first()?;
    let version = first.evidence?.into();
    Some(
        context
            .registry
            .manifest_url(&first.image.repository, &version),
    )
}

impl AttestRequest {
    /// Tells whether nothing is attached at all.
    pub(crate) fn is_off(&self) -> bool {
        self.statements.contains(&StatementKind::None)
    }

    /// Tells whether a key or certificate is named.
    pub(crate) fn signs(&self) -> bool {
        self.signing_key.is_some() || self.services.fulcio.is_some()
    }

    /// Returns what is attached; by default everything that can be.
    fn statements(&self) -> Result<Vec<StatementKind>, Failure> {
        let signs = self.signs();
        let needs_key = |statement: &&StatementKind| {
            matches!(statement, StatementKind::Vsa | StatementKind::Promotion)
        };
        if !self.statements.is_empty() {
            if self.statements.contains(&StatementKind::None) && self.statements.len() > 1 {
                let text = "--statements=none cannot be combined with another statement";
                return Err(Failure::message(Kind::Usage, text));
            }
            if !signs && !self.dry_run && self.statements.iter().any(|one| needs_key(&one)) {
                let text = "the statements vsa and promotion are signed, and no key is given";
                return Err(Failure::message(Kind::Usage, text).hint(
                    "name one by --signing-key, or --fulcio-url with --identity-token-file",
                ));
            }
            return Ok(self.statements.clone());
        }
        Ok(match signs {
            true => vec![
                StatementKind::Evidence,
                StatementKind::Vsa,
                StatementKind::Promotion,
            ],
            false => vec![StatementKind::Evidence],
        })
    }

    fn subject(&self, files: &PromotionFiles) -> Result<PromotionFacts, Failure> {
        let verified = files.verdict.verified();
        let missing = |flag: &str, what: &str| {
            let text = format!("the statements need {what}, which is not given");
            Failure::message(Kind::Usage, text).hint(format!("name it by {flag}"))
        };
        let verifier_id = self.verifier_id.clone();
        let verifier_id = verifier_id.ok_or_else(|| {
            missing(
                "--verifier-id, a URI such as https://example.com/promote",
                "a verifier",
            )
        })?;
        let policy_uri = self.policy_uri.clone().or(verified.policy.uri.clone());
        let policy_uri = policy_uri.ok_or_else(|| missing("--policy-uri", "a policy"))?;
        // The revision is in the digest; the name stays the same.
        let policy_uri = policy_uri
            .split("?ref=")
            .next()
            .unwrap_or_default()
            .to_owned();
        let expires = self.valid_for.map(|valid| {
            let from = files.placed.promoted().promoted_at.as_deref();
            let from = from.unwrap_or(&verified.verified_at);
            let from: Option<jiff::Timestamp> = from.parse().ok();
            let end = from.and_then(|from| from.checked_add(valid).ok());
            end.map(|end| end.to_string()).ok_or_else(|| {
                Failure::message(
                    Kind::Usage,
                    "--valid-for ends after the last date of the calendar",
                )
            })
        });
        let passed = files.passed();
        let lists = passed.iter().any(|(_, codes)| !codes.is_empty());
        if !self.levels.is_empty() && !lists {
            tracing::warn!(
                "the report lists no successes, so no level is proved: write it with verify-ec --show-successes"
            );
        }
        Ok(PromotionFacts {
            verified: verified.clone(),
            promoted: files.placed.promoted().clone(),
            promoted_digest: files.placed.digest(),
            verifier_id,
            policy_uri,
            environment: String::new(),
            levels: self.levels.clone(),
            passed,
            approvals: self.approvals.clone(),
            gitops: self.gitops.clone(),
            run: self.run.clone(),
            expires: expires.transpose()?,
        })
    }

    /// Loads the key or certificate, which must not be one that signs images.
    async fn signing(
        &self,
        verdict: &VerifiedFile,
        context: &Context,
    ) -> Result<Option<Signing>, Failure> {
        let (services, http) = (self.services.clone(), context.http.clone());
        let signing = match &self.signing_key {
            Some(reference) => {
                let key = StatementKey::load(reference, self.password.as_deref(), &context.env);
                let key = key.await.map_err(record_failure)?;
                Some(Signing::with_key(key, services, http))
            }
            None => Signing::keyless(services, http)
                .await
                .map_err(record_failure)?,
        };
        if let Some(signing) = &signing {
            check_signer(signing, verdict)?;
        }
        Ok(signing)
    }
}

/// Refuses a key or identity by which the images were verified: an unsigned image with a summary by it would be accepted as
/// a signed one.
fn check_signer(signing: &Signing, verdict: &VerifiedFile) -> Result<(), Failure> {
    let verified = verdict.verified();
    let refused = |signer: String| {
        record_failure(crate::record::Error::ImageSigner { signer })
            .hint("sign with a key that is trusted for no image")
    };
    let evidence = verified
        .components
        .iter()
        .flat_map(|component| &component.evidence);
    if let Some(certificate) = signing.certificate() {
        let Some((subject, issuer)) = trust::subject_of(certificate) else {
            let text = "the certificate names no subject";
            return Err(Failure::message(Kind::Remote, text));
        };
        let shown = format!("{subject} ({issuer})");
        let exact = verified
            .identity
            .as_ref()
            .is_some_and(|identity| identity.subject == subject && identity.issuer == issuer);
        return match exact || evidence.into_iter().any(|found| found.signer == shown) {
            true => Err(refused(shown)),
            false => Ok(()),
        };
    }
    let fingerprint = signing.key().fingerprint();
    let shown = format!("key {fingerprint}");
    let mut same = evidence.into_iter().any(|found| found.signer == shown);
    if let Some(text) = &verified.key {
        let keys = TrustedKey::list_from_pem(text, "verified.json");
        let keys = keys.map_err(super::failures::trust_failure)?;
        same |= keys.iter().any(|key| key.fingerprint() == fingerprint);
    }
    match same {
        true => Err(refused(shown)),
        false => Ok(()),
    }
}

impl AttestedImages {
    /// Returns the evidence bundles of the components, by environment and in the order of `promoted.json`. The bundle of
    /// one component is the same in each of its repositories.
    pub(crate) fn evidence(&self) -> Vec<(String, Digest)> {
        let mut known = BTreeSet::new();
        let attested = self.attested.iter();
        let bundles = attested.filter_map(|one| Some((one, one.evidence?)));
        bundles
            .filter(|(one, digest)| known.insert((&one.environment, &one.name, *digest)))
            .map(|(one, digest)| (one.name.clone(), digest))
            .collect()
    }

    /// Tells whether the record is for more than one environment.
    fn has_environments(&self) -> bool {
        let first = self.attested.first().map(|one| &one.environment);
        self.attested
            .iter()
            .any(|one| Some(&one.environment) != first)
    }

    /// Returns one line for each document, and the Tekton results.
    pub(crate) fn outcome(self) -> Outcome {
        output::outcome(&self)
    }
}
