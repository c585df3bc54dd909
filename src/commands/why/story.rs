//! The facts in an evidence bundle about one image.

use crate::{
    handover::{
        Promoted, PromotedComponent, PromotedFile, Verified, VerifiedComponent, VerifiedFile,
    },
    image::{Digest, DigestReference},
    record::EvidenceBundle,
};

/// The facts about one promotion of an image.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) environment: Option<String>,
    /// The time when it was promoted, or verified.
    pub(super) when: String,
    /// The known facts, each with its name.
    pub(super) rows: Vec<(&'static str, String)>,
}

impl Story {
    /// Reads the files of a bundle, each of which must be the one that the next names.
    ///
    /// # Errors
    /// The contradiction between the files.
    pub(super) fn of(
        image: &DigestReference,
        digest: Digest,
        evidence: &EvidenceBundle,
    ) -> Result<Self, String> {
        let file = |name: &str| {
            let file = evidence.file(name);
            file.ok_or_else(|| format!("it has no {name}"))
        };
        let promoted = file("promoted.json")?;
        let placed = PromotedFile::parse(promoted.content.as_bytes(), "its promoted.json", None);
        let placed = placed.map_err(|error| error.to_string())?;
        let promoted = placed.promoted();
        let verdict = file("verified.json")?;
        let expected = promoted.verified_digest;
        let expected = expected.ok_or("its promoted.json names no verdict")?;
        let verdict = VerifiedFile::parse(
            verdict.content.as_bytes(),
            "its verified.json",
            Some(expected),
        );
        let verdict = verdict.map_err(|error| error.to_string())?;
        let verified = verdict.verified();
        if file("report.json")?.digest != verified.report_digest {
            return Err("its report is not the one that the verdict names".to_owned());
        }
        let passed = verdict.accepted(image.digest);
        let passed = passed.map_err(|error| error.to_string())?;
        let mut components = promoted.components.iter();
        let component = components
            .find(|component| component.digest == image.digest)
            .ok_or("it is about other images")?;
        let rows = rows(
            image,
            digest,
            evidence,
            (promoted, component),
            (verified, passed),
        );
        let when = promoted.promoted_at.clone();
        Ok(Self {
            environment: evidence.environment.clone(),
            when: when.unwrap_or_else(|| verified.verified_at.clone()),
            rows,
        })
    }
}

/// Returns the known facts, each with its name.
fn rows(
    image: &DigestReference,
    digest: Digest,
    evidence: &EvidenceBundle,
    (promoted, component): (&Promoted, &PromotedComponent),
    (verified, passed): (&Verified, &VerifiedComponent),
) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let mut row = |name: &'static str, value: Option<String>| {
        rows.extend(
            value
                .filter(|value| !value.is_empty())
                .map(|value| (name, value)),
        );
    };
    row("component", Some(component.name.clone()));
    row("git tag", promoted.git_tag.clone());
    row("source commit", promoted.commit.clone());
    if let Some(source) = &promoted.source {
        row("source", Some(source.url.clone()));
        row("author", source.author.clone());
        row("subject", source.subject.clone());
        row("committed", source.date.clone());
    }
    let policy = &verified.policy;
    row("policy", policy.uri.clone());
    row("policy digest", Some(policy.digest.to_string()));
    row("policy sources", Some(policy.sources.join(" ")));
    row("verified", Some(verified.verified_at.clone()));
    row("warnings", Some(passed.warnings.to_string()));
    row("exceptions", Some(passed.exceptions.join(" ")));
    row("skipped checks", Some(verified.skipped_checks.join(" ")));
    row("not compared", Some(promoted.unchecked.join(" ")));
    for accepted in &passed.evidence {
        let kind = accepted.predicate_type.as_deref().unwrap_or(&accepted.kind);
        row("evidence", Some(format!("{kind} by {}", accepted.signer)));
    }
    row("copied from", Some(component.source.to_string()));
    let places = component.destinations.iter().map(ToString::to_string);
    row("copied to", Some(places.collect::<Vec<_>>().join(" ")));
    row("promoted", promoted.promoted_at.clone());
    let previous = component.previous_digest;
    row("replaced", previous.map(|digest| digest.to_string()));
    row("run", evidence.run_url.clone());
    row("report", Some(verified.report_digest.to_string()));
    row("missing files", Some(evidence.missing.join(" ")));
    let bundle = format!("{}@{digest}", image.repository);
    row("evidence bundle", Some(bundle));
    rows
}
