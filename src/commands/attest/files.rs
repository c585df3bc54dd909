//! The files that a promotion rests on: each must be the one that the next names.

use std::collections::BTreeSet;

use super::FilesRequest;
use crate::{
    commands::{
        Context, failures::handover_failure, files::unchecked, record_failures::record_failure,
    },
    failure::{Failure, Kind, OrFail as _},
    handover::{self, PromotedFile, VerifiedFile},
    policy::Dialect,
    record::{BundledFile, EvidenceBundle, RecordJob},
    report::{Report, ReportFormat, Show},
};

pub(super) struct PromotionFiles {
    images: Option<Vec<u8>>,
    verified: Vec<u8>,
    promoted: Vec<u8>,
    report: Vec<u8>,
    parsed: Report,
    pub(super) verdict: VerifiedFile,
    pub(super) placed: PromotedFile,
}

impl PromotionFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Kind::NotFound`] without one, [`Kind::Refused`] for one that another does not name.
    pub(super) fn read(request: &FilesRequest, context: &Context) -> Result<Self, Failure> {
        let path = context.path(request.promoted.as_deref(), "promoted.json");
        let promoted = context
            .read(&path)
            .map_err(|failure| failure.hint("run copy-image first; --stage-only moves no tag"))?;
        let origin = path.display().to_string();
        let placed = PromotedFile::parse(&promoted, &origin, request.promoted_digest);
        let placed = placed.map_err(handover_failure)?;
        unchecked(
            request.promoted_digest,
            "promoted.json",
            "--promoted-digest",
        );
        let Some(verified_digest) = placed.promoted().verified_digest else {
            let text = format!("{origin} names no verdict: it was copied with --unverified");
            return Err(Failure::message(Kind::Refused, text)
                .hint("there is nothing to attest without a verdict"));
        };
        if request
            .verified_digest
            .is_some_and(|given| given != verified_digest)
        {
            let text = format!(
                "{origin} was made from verified.json {verified_digest}, another than --verified-digest names"
            );
            return Err(Failure::message(Kind::Refused, text));
        }
        let path = context.path(request.verified.as_deref(), "verified.json");
        let verified = context.read(&path)?;
        let origin = path.display().to_string();
        let verdict = VerifiedFile::parse(&verified, &origin, Some(verified_digest));
        let verdict = verdict.map_err(handover_failure)?;
        let path = context.path(request.report.as_deref(), "report.json");
        let report = context.read(&path).map_err(|failure| {
            failure.hint("write the report by verify-ec --output=json=file:report.json")
        })?;
        let origin = path.display().to_string();
        let expected = Some(verdict.verified().report_digest);
        handover::check_digest(&report, &origin, expected).map_err(handover_failure)?;
        let parsed: Report = serde_json::from_slice(&report).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let text =
                format!("{origin} is not a report of verify-ec (line {line}, column {column})");
            Failure::message(Kind::Usage, text)
        })?;
        Ok(Self {
            images: Self::images(request, &verdict, context)?,
            verified,
            promoted,
            report,
            parsed,
            verdict,
            placed,
        })
    }

    /// Reads the list of images; verify-ec --image writes none.
    fn images(
        request: &FilesRequest,
        verdict: &VerifiedFile,
        context: &Context,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let path = context.path(request.images.as_deref(), "images.json");
        let bytes = match context.read(&path) {
            Ok(bytes) => bytes,
            Err(failure) if failure.kind() == Kind::NotFound && request.images.is_none() => {
                tracing::warn!(
                    "{} does not exist: the evidence bundle names it as missing",
                    path.display()
                );
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let expected = Some(verdict.verified().images_digest);
        let origin = path.display().to_string();
        handover::check_digest(&bytes, &origin, expected).map_err(handover_failure)?;
        Ok(Some(bytes))
    }

    /// Returns the images to record: each component in each repository that it was copied to.
    ///
    /// # Errors
    /// [`Kind::Refused`] for a component that the verdict does not pass.
    pub(super) fn jobs(&self) -> Result<Vec<RecordJob>, Failure> {
        let mut jobs = Vec::new();
        for component in &self.placed.promoted().components {
            let digest = component.digest;
            self.verdict.accepted(digest).map_err(handover_failure)?;
            let places = component.destinations.iter();
            let repositories: BTreeSet<_> =
                places.map(|place| place.repository.to_string()).collect();
            let mut places = component.destinations.clone();
            places.retain({
                let mut left = repositories;
                move |place| left.remove(&place.repository.to_string())
            });
            jobs.extend(places.into_iter().map(|place| RecordJob {
                image: place.repository.pinned(digest),
                component: component.clone(),
            }));
        }
        if jobs.is_empty() {
            let text = "promoted.json lists no images: nothing would be attested";
            return Err(Failure::message(Kind::NotFound, text));
        }
        Ok(jobs)
    }

    /// Returns the codes of the rules that passed, by component.
    pub(super) fn passed(&self) -> Vec<(String, BTreeSet<String>)> {
        let components = self.parsed.components.iter();
        let codes = components.map(|component| {
            let successes = component.successes.iter();
            let codes = successes.filter_map(|finding| finding.code().map(|code| code.to_string()));
            (component.name.clone(), codes.collect())
        });
        codes.collect()
    }

    /// Builds the evidence bundle from the files.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a file that is not a text.
    pub(super) fn evidence(&self) -> Result<EvidenceBundle, Failure> {
        // The time of the verdict: the same files make the same bundle whenever they are attested.
        let verified_at: Result<jiff::Timestamp, _> = self.verdict.verified().verified_at.parse();
        let now = verified_at.or_fail(Kind::Usage)?;
        let show = Show {
            info: true,
            successes: true,
            warnings: true,
            docs_link: false,
            color: false,
            dialect: Dialect::Promote,
            now,
        };
        let html = self
            .parsed
            .render(ReportFormat::Html, show)
            .or_fail(Kind::Bug)?;
        let known = [
            ("images.json", self.images.clone()),
            ("verified.json", Some(self.verified.clone())),
            ("promoted.json", Some(self.promoted.clone())),
            ("report.json", Some(self.report.clone())),
            ("report.html", Some(html.into_bytes())),
        ];
        let (mut files, mut missing) = (Vec::new(), Vec::new());
        for (name, bytes) in known {
            match bytes {
                Some(bytes) => files.push(BundledFile::new(name, bytes).map_err(record_failure)?),
                None => missing.push(name.to_owned()),
            }
        }
        let policy = self.verdict.verified().policy.clone();
        Ok(EvidenceBundle::new(policy, files, missing))
    }
}
