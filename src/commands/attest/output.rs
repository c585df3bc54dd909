//! The lines, results and files that `attest` writes.

use std::{fs, path::Path};

use serde_json::json;

use super::{AttestedImages, PromotionFiles};
use crate::{
    commands::{Context, Outcome, write_file},
    failure::{Failure, Kind, OrFail as _},
    record::{AttachedDocument, EVIDENCE, VSA},
};

/// The file that names everything that was attached.
const ATTESTED: &str = "attested.json";

fn short(kind: &str) -> &'static str {
    match kind {
        EVIDENCE => "evidence",
        VSA => "vsa",
        _ => "promotion",
    }
}

fn line(written: &AttachedDocument, dry_run: bool) -> String {
    let digest = written.digest.map(|digest| digest.to_string());
    let layout = written.layout.map_or("referrer", |layout| match layout {
        crate::record::StatementLayout::Tag => ".att tag",
        crate::record::StatementLayout::Bundle => "bundle",
    });
    let state = match (written.is_new, dry_run) {
        (true, true) => "would be written",
        (true, false) => "written",
        (false, _) => "present",
    };
    format!(
        "{} {} {} ({layout}, {state})\n",
        written.image,
        short(written.kind),
        digest.as_deref().unwrap_or("-")
    )
}

/// Returns one line for each document, and the results.
pub(super) fn outcome(done: &AttestedImages) -> Outcome {
    let mut outcome = Outcome::default();
    let written = done.attested.iter().flat_map(|one| &one.written);
    let lines: String = written.map(|written| line(written, done.dry_run)).collect();
    outcome.stdout = lines.into_bytes();
    let attested = done.attested.iter().flat_map(|one| &one.written);
    let attested: Vec<_> = attested
        .filter_map(|one| Some(format!("{} {} {}", one.image, short(one.kind), one.digest?)))
        .collect();
    let digests: Vec<_> = done.evidence();
    let digests: Vec<_> = digests
        .iter()
        .map(|(name, digest)| match done.has_environments() {
            true => format!("{name}={digest}"),
            false => digest.to_string(),
        })
        .collect();
    let results = &mut outcome.results;
    let link = done.link.clone().unwrap_or_default();
    results.set("LINK_TO_EVIDENCE", link);
    for (name, value) in [
        ("EVIDENCE_DIGEST", digests.join("\n")),
        ("ATTESTED", attested.join("\n")),
    ] {
        let fits = results.fits(name, &value);
        let value = if fits {
            value
        } else {
            format!("file:{ATTESTED}")
        };
        results.set(name, value);
    }
    outcome
}

/// Writes `attested.json`, the list of everything that was attached.
pub(super) fn write_attested(
    done: &AttestedImages,
    files: &PromotionFiles,
    context: &Context,
) -> Result<(), Failure> {
    let components: Vec<_> = done
        .attested
        .iter()
        .map(|one| {
            let statements = one
                .written
                .iter()
                .filter(|written| written.layout.is_some());
            let statements: Vec<_> = statements
                .map(|written| {
                    json!({
                        "predicateType": written.kind,
                        "image": written.image.to_string(),
                        "digest": written.digest,
                        "layout": written.layout.map(crate::record::StatementLayout::as_str),
                    })
                })
                .collect();
            json!({
                "name": one.name,
                "environment": one.environment,
                "image": one.image.to_string(),
                "evidence": one.evidence,
                "statements": statements,
            })
        })
        .collect();
    let document = json!({
        "version": 1,
        "promotedDigest": files.placed.digest(),
        "components": components,
    });
    let bytes = serde_json::to_vec(&document).or_fail(Kind::Bug)?;
    write_file(&context.path(None, ATTESTED), &bytes)
}

/// Writes copies of everything into a directory: documents, and signed envelopes as other verifiers read them.
pub(super) fn write_copies(done: &AttestedImages, dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("cannot make {}", dir.display()))
    })?;
    let written = done.attested.iter().flat_map(|attested| {
        let written = attested.written.iter();
        written.map(move |one| (attested.environment.as_str(), one))
    });
    for (environment, one) in written {
        let digest = one.image.digest.hex();
        // A summary is the same for every environment.
        let of = match done.has_environments() && one.kind != VSA {
            true => format!(".{}", environment.replace('/', "_")),
            false => String::new(),
        };
        let stem = format!(
            "{}{of}.{}",
            digest.get(..12).unwrap_or(&digest),
            short(one.kind)
        );
        write_file(&dir.join(format!("{stem}.json")), &one.document)?;
        if let Some(envelope) = &one.envelope {
            write_file(&dir.join(format!("{stem}.dsse.json")), envelope)?;
        }
    }
    Ok(())
}
