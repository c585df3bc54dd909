//! `--merge`: joins the verdicts over the parts of a list into one over all of it.
//!
//! Each part must be about the same list and by the same policy, key and signer. Every component of the list
//! must be in exactly one of them, with the image that the list names. The reports are joined too.

use std::{collections::BTreeMap, path::PathBuf};

use super::{ListVerdict, VerdictSubject, VerifyResult, inputs, verdict::next_step};
use crate::{
    commands::{
        Context, Outcome,
        failures::handover_failure,
        files::{list_files, remove_file, unchecked, write_file},
        output::{self, ReportOutput},
    },
    failure::{Failure, Kind, OrFail as _},
    handover::{self, Shard, Verified, VerifiedComponent, VerifiedFile},
    image::Digest,
    report::{Report, Show},
    snapshot::Images,
    text::counted,
};

const VERIFIED: &str = "verified.json";
const REPORT: &str = "report.json";

/// The request to join the parts of a verdict.
#[derive(Debug, Clone)]
pub(crate) struct Merge {
    /// The list: its JSON or the file with it; `None` is the default file.
    pub(crate) images: Option<String>,
    /// The digest that gather-images reported for the list.
    pub(crate) images_digest: Option<Digest>,
    /// The number of parts; `None` takes it from the files.
    pub(crate) count: Option<usize>,
    /// The digests that verify-ec reported, one for each part, or none.
    pub(crate) digests: Vec<Digest>,
    pub(crate) allow_empty: bool,
    pub(crate) outputs: Vec<ReportOutput>,
    pub(crate) show: Show,
    /// Fails the command for a refusal.
    pub(crate) strict: bool,
    /// The path of `verified.json`; `None` is its default name.
    pub(crate) verified_out: Option<PathBuf>,
}

/// The verdict over a part, with its report.
struct VerdictPart {
    verified: Verified,
    report: Report,
}

/// Joins the parts and writes the reports and `verified.json`.
///
/// # Errors
/// [`Kind::NotFound`] for a part without a verdict, [`Kind::Refused`] for parts that do not fit together,
/// and those of [`inputs::images`] for the list.
pub(super) async fn perform(request: &Merge, context: &Context) -> Result<Outcome, Failure> {
    output::remove_old(&request.outputs, context)?;
    let path = context.path(request.verified_out.as_deref(), VERIFIED);
    remove_file(&path)?;
    let subject = VerdictSubject::List {
        source: request.images.clone(),
        digest: request.images_digest,
    };
    let images = inputs::images(&subject, request.allow_empty, context).await?;
    let mut missed: Vec<String> = Vec::new();
    missed.extend(unchecked(
        request.images_digest,
        "images.json",
        "--images-digest",
    ));
    let mut parts = Vec::new();
    for shard in request.shards(context)? {
        let digest = request.digests.get(usize::from(shard.index()) - 1).copied();
        let name = shard.file(VERIFIED);
        parts.push(part(shard, digest, &images, context)?);
        missed.extend(unchecked(digest, &name, "the digest of the part"));
    }
    let (mut verified, report) = joined(parts, &images)?;
    let written = output::write_all(&request.outputs, &report, request.show, context)?;
    verified.report_digest = written.report_digest;
    verified.verified_at = context.clock.written().to_string();
    for name in missed {
        if !verified.unchecked.contains(&name) {
            verified.unchecked.push(name);
        }
    }
    let bytes = serde_json::to_vec(&verified).or_fail(Kind::Bug)?;
    write_file(&path, &bytes)?;
    let read = VerifiedFile::parse(&bytes, &path.display().to_string(), None);
    let failure = refusal(&verified.components, request.show).filter(|_| request.strict);
    Ok(VerifyResult {
        written,
        verdict: Some(ListVerdict::Written(Box::new(
            read.map_err(handover_failure)?,
        ))),
        failure,
    }
    .into())
}

impl Merge {
    /// Returns the parts in their order.
    fn shards(&self, context: &Context) -> Result<Vec<Shard>, Failure> {
        let count = match self.count {
            Some(count) => count,
            None => found(context)?,
        };
        let one = |index: usize| format!("{index}/{count}").parse::<Shard>();
        let shards: Result<Vec<_>, _> = (1..=count).map(one).collect();
        shards.map_err(|error| Failure::message(Kind::Usage, format!("--merge={count}: {error}")))
    }
}

/// Returns the number of parts by the files of the first part.
fn found(context: &Context) -> Result<usize, Failure> {
    let dir = context.path(None, "");
    let dir = match dir.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => dir,
    };
    let first = |name: &String| {
        let count = name.strip_prefix("verified-1-of-")?.strip_suffix(".json")?;
        count.parse::<usize>().ok()
    };
    let counts: Vec<_> = list_files(&dir)?.iter().filter_map(first).collect();
    match counts.as_slice() {
        [count] => Ok(*count),
        [] => {
            let text = format!("{} has no verdict over a part of the list", dir.display());
            Err(Failure::message(Kind::NotFound, text)
                .hint("run verify-ec --shard I/N for each part first"))
        }
        several => {
            let text = format!(
                "{} has parts of {several:?}: the number of parts is unknown",
                dir.display()
            );
            Err(Failure::message(Kind::Usage, text).hint("name the number by --merge=N"))
        }
    }
}

/// Reads a part and its report, which must be about the list.
fn part(
    shard: Shard,
    digest: Option<Digest>,
    images: &Images,
    context: &Context,
) -> Result<VerdictPart, Failure> {
    let path = context.path(None, &shard.file(VERIFIED));
    let origin = path.display().to_string();
    let bytes = context
        .read(&path)
        .map_err(|failure| failure.hint(format!("run verify-ec --shard {shard} first")))?;
    let verdict = VerifiedFile::parse_part(&bytes, &origin, digest).map_err(handover_failure)?;
    let verified = verdict.verified();
    if verified.shard != Some(shard) {
        let of = verified
            .shard
            .map_or("the whole list".to_owned(), |of| format!("part {of}"));
        return Err(refused(format!(
            "{origin} is the verdict over {of}, expected part {shard}"
        )));
    }
    if verified.images_digest != images.digest {
        return Err(refused(format!("{origin} is about another list of images")));
    }
    let path = context.path(None, &shard.file(REPORT));
    let bytes = context.read(&path).map_err(|failure| {
        failure.hint("verify-ec --shard writes it with --output json=file:report.json")
    })?;
    let origin = path.display().to_string();
    // Reports of files end with a newline that the digest includes.
    handover::check_digest(&bytes, &origin, Some(verified.report_digest))
        .map_err(handover_failure)?;
    let report = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("{origin} is not a report"))
    })?;
    Ok(VerdictPart {
        verified: verified.clone(),
        report,
    })
}

/// Joins the parts in the order of the list.
fn joined(parts: Vec<VerdictPart>, images: &Images) -> Result<(Verified, Report), Failure> {
    let mut parts = parts.into_iter();
    let Some(mut first) = parts.next() else {
        return Err(Failure::message(
            Kind::Usage,
            "expected parts to join, found none",
        ));
    };
    for mut part in parts {
        fits(&first.verified, &part.verified)?;
        let (all, own) = (&mut first.verified, &mut part.verified);
        all.components.append(&mut own.components);
        if own.effective_time > all.effective_time {
            std::mem::swap(&mut own.effective_time, &mut all.effective_time);
        }
        for name in own.unchecked.drain(..).filter(|name| name != "images.json") {
            all.unchecked.push(name);
        }
        first.report.components.append(&mut part.report.components);
        first.report.success &= part.report.success;
    }
    first.verified.shard = None;
    first.report.effective_time = first.verified.effective_time.clone();
    first.report.sort();
    first.verified.components = in_order(first.verified.components, images)?;
    Ok((first.verified, first.report))
}

/// Refuses parts that were evaluated with different settings.
fn fits(one: &Verified, other: &Verified) -> Result<(), Failure> {
    let same = [
        ("policy", one.policy == other.policy),
        ("key", one.key == other.key),
        ("signer", one.identity == other.identity),
        (
            "list of skipped checks",
            one.skipped_checks == other.skipped_checks,
        ),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(refused(format!(
            "two parts were evaluated with another {what}: expected the same for all"
        ))),
        None => Ok(()),
    }
}

/// Returns every component of the list with its verdict.
fn in_order(
    components: Vec<VerifiedComponent>,
    images: &Images,
) -> Result<Vec<VerifiedComponent>, Failure> {
    let mut known = BTreeMap::new();
    for component in components {
        let key = (component.name.clone(), component.version.clone());
        if let Some(twice) = known.insert(key, component) {
            return Err(refused(format!(
                "two parts have a verdict over {}",
                twice.name
            )));
        }
    }
    let mut all = Vec::new();
    for (component, image) in images.components() {
        let key = (
            component.name.clone(),
            component.version().map(str::to_owned),
        );
        match known.remove(&key) {
            Some(verdict) if verdict.container_image == *image => all.push(verdict),
            Some(_) => {
                return Err(refused(format!(
                    "the verdict over {} is about another image",
                    component.name
                )));
            }
            None => {
                return Err(refused(format!(
                    "no part has a verdict over {}",
                    component.name
                )));
            }
        }
    }
    match known.into_keys().next() {
        Some((name, _)) => Err(refused(format!(
            "a part has a verdict over {name}, which is not in the list"
        ))),
        None => Ok(all),
    }
}

/// Returns the reason why the images must not be promoted.
fn refusal(components: &[VerifiedComponent], show: Show) -> Option<Failure> {
    let refused: Vec<_> = components.iter().filter(|one| !one.success).collect();
    let first = refused.first()?;
    let text = format!(
        "{} of {} refused: {} has {}",
        refused.len(),
        counted(components.len() as u64, "image"),
        first.name,
        counted(first.violations, "violation")
    );
    let failure = Failure::message(Kind::Refused, text);
    Some(match next_step(show) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

fn refused(text: String) -> Failure {
    Failure::message(Kind::Refused, text)
}
