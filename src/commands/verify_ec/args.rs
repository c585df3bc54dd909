//! The flags of `verify-ec` and the typed request that they become.

use std::{path::PathBuf, time::Duration};

use super::{PromotionDemand, merge::Merge};
use crate::{
    clock::Clock,
    commands::{
        output::{ReportOutput, keep},
        trust_flags::TrustFlags,
    },
    failure::{Failure, Kind, OrFail as _},
    gate::{GateRequest, Moment, PolicyRequest, SignatureChecks},
    handover::Shard,
    http::HostPort,
    image::{Digest, Reference},
    policy::{Dialect, Paths},
    report::Show,
    snapshot::Images,
    text,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The list of images: a file, file:NAME in the data directory, oci:REPO@DIGEST or JSON [default: images.json]
    #[arg(long, value_name = "FILE|JSON", conflicts_with = "image")]
    images: Option<String>,
    /// Require this digest of images.json, as gather-images reported it
    #[arg(long, value_name = "DIGEST")]
    images_digest: Option<Digest>,
    /// One image instead of a list, by tag or digest
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// Accept an empty list of images
    #[arg(long)]
    allow_empty: bool,
    /// Accept a policy without sources, so that only signatures are checked
    #[arg(long)]
    allow_empty_policy: bool,
    /// Accept an image without attestations: the policy sees only the image and its signature
    #[arg(long)]
    allow_unattested: bool,
    /// The policy: a configuration (file, inline text, URL, cluster resource), or a directory or repository with rules
    #[arg(long, value_name = "POLICY", required_unless_present = "merge")]
    policy: Option<String>,
    #[command(flatten)]
    trust: TrustFlags,
    /// Evaluate inputs saved by --output policy-input instead of images; no image passes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "image", "images_digest", "verified_out"])]
    policy_input: Option<PathBuf>,
    /// Write a report to standard output or FILE: json, yaml, text, appstudio, summary, summary-markdown, junit, html, attestation or policy-input
    ///
    /// Options may follow: FORMAT=FILE?show-successes=true&show-warnings=false&show-policy-docs-link=true.
    #[arg(long, value_name = "FORMAT[=FILE]")]
    output: Vec<ReportOutput>,
    /// Fail if the policy refuses an image; false: fail only on errors
    #[arg(long, value_name = "BOOL", hide_possible_values = true, action = clap::ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: bool,
    /// Show titles, descriptions and solutions in reports
    #[arg(long)]
    info: bool,
    /// Show passed results too
    #[arg(long)]
    show_successes: bool,
    /// Show warnings in the text report
    #[arg(long, value_name = "BOOL", hide_possible_values = true, action = clap::ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    show_warnings: bool,
    /// Link to the documentation of Conforma's policies in the text report
    #[arg(long)]
    show_policy_docs_link: bool,
    /// Evaluate rules at this time: now, attestation (when the image was built), RFC 3339 or YYYY-MM-DD
    #[arg(long, value_name = "TIME", default_value = "now")]
    effective_time: String,
    /// Accept an --effective-time in the past, before the effective date of newer rules
    #[arg(long)]
    allow_past_effective_time: bool,
    /// Add this value to the rule data of every source group
    #[arg(long, value_name = "KEY=VALUE")]
    extra_rule_data: Vec<String>,
    /// How many images to verify at the same time
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Let rules (ec.oci.*, ec.sigstore.*) read only from this host and the registries of images and policy [default: from any host]
    #[arg(long, value_name = "HOST[:PORT]")]
    policy_hosts: Vec<HostPort>,
    /// Which rules to evaluate
    #[arg(long, value_name = "HOW", default_value = "include-exclude")]
    filter_type: FilterType,
    /// Do not verify image signatures; no image passes
    #[arg(long)]
    skip_image_sig_check: bool,
    /// Do not verify attestation signatures; no image passes
    #[arg(long)]
    skip_att_sig_check: bool,
    /// Refuse an image unless its signature names the component's image repository, or its provenance the component's source
    #[arg(long)]
    require_source: bool,
    /// Refuse an image that was not promoted to this environment before; needs --promotion-trust
    #[arg(
        long,
        value_name = "ENVIRONMENT",
        requires = "promotion_trust",
        conflicts_with = "policy_input"
    )]
    require_promotion: Option<String>,
    /// The trust file with the accepted verifiers: a file, or its text
    #[arg(long, value_name = "FILE", requires = "require_promotion")]
    promotion_trust: Option<String>,
    /// With --require-promotion: refuse a promotion that is younger than this, such as 24h
    #[arg(long, value_name = "DURATION", requires = "require_promotion", value_parser = duration)]
    min_age: Option<Duration>,
    /// Reproduce known faults of Conforma's ec: how it selects rules, reads results and expands indexes
    #[arg(long)]
    compat: bool,
    /// Verify only part I of N of the list; the names of files get the part, such as verified-1-of-4.json
    #[arg(long, value_name = "I/N", conflicts_with_all = ["image", "policy_input", "merge"])]
    shard: Option<Shard>,
    /// Join the verdicts and reports of N parts into one [default: as many parts as there are digests or files]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0", conflicts_with_all = ["image", "policy", "policy_input"], value_parser = clap::value_parser!(u16).range(0..=256))]
    merge: Option<u16>,
    /// With --merge: the digests of the parts, as verify-ec reported them, in order
    #[arg(last = true, value_name = "DIGEST", requires = "merge")]
    shard_digests: Vec<Digest>,
    /// Where to write the verdict [default: verified.json]
    #[arg(long, value_name = "FILE")]
    verified_out: Option<PathBuf>,
}

/// The selection of rules to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FilterType {
    /// The rules that the policy's include and exclude select
    IncludeExclude,
    /// Of these, the rules with the pipeline_intention in the rule data
    EcPolicy,
}

/// The images, the gate's settings and the outputs of a run.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The images to evaluate.
    pub(crate) subject: VerdictSubject,
    /// Accepts a list without images.
    pub(crate) allow_empty: bool,
    pub(crate) gate: GateRequest,
    pub(crate) outputs: Vec<ReportOutput>,
    pub(crate) show: Show,
    /// Fails the command when the policy refuses an image.
    pub(crate) strict: bool,
    /// The path of `verified.json`; `None` is its default name.
    pub(crate) verified_out: Option<PathBuf>,
    /// The earlier promotion that is required.
    pub(crate) promotion: Option<PromotionDemand>,
    /// The part of the list to evaluate; `None` is all of it.
    pub(crate) shard: Option<Shard>,
}

/// The images of a verdict, by the input that names them.
#[derive(Debug, Clone)]
pub(crate) enum VerdictSubject {
    /// A list: its JSON or the file with it, and the digest that gather-images reported.
    List {
        /// JSON or a path; `None` is the default file.
        source: Option<String>,
        /// The digest that it must have.
        digest: Option<Digest>,
    },
    Image {
        reference: Reference,
        /// The digest that the list of it must have.
        digest: Option<Digest>,
    },
    /// The list that gather-images has just written.
    Gathered(Box<Images>),
    /// Inputs that an earlier run saved.
    Saved(PathBuf),
}

impl Args {
    /// Returns the request to join parts; `None` without `--merge`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for another number of digests than of parts.
    pub(crate) fn merge(&self, clock: Clock, color: bool) -> Result<Option<Merge>, Failure> {
        let Some(count) = self.merge else {
            return Ok(None);
        };
        let digests = &self.shard_digests;
        let count = match (usize::from(count), digests.len()) {
            (0, 0) => None,
            (0, digests) => Some(digests),
            (count, digests) if digests == 0 || digests == count => Some(count),
            (count, digests) => {
                let text = format!("--merge={count} with {digests} digests: expected one a part");
                return Err(Failure::message(Kind::Usage, text));
            }
        };
        Ok(Some(Merge {
            images: self.images.clone(),
            images_digest: self.images_digest,
            count,
            digests: digests.clone(),
            allow_empty: self.allow_empty,
            outputs: self.output.clone(),
            show: self.show(clock, color),
            strict: self.strict,
            verified_out: self.verified_out.clone(),
        }))
    }

    fn show(&self, clock: Clock, color: bool) -> Show {
        Show {
            info: self.info,
            successes: self.show_successes,
            warnings: self.show_warnings,
            docs_link: self.show_policy_docs_link,
            color,
            dialect: Dialect::Promote,
            now: clock.written(),
        }
    }

    /// Converts the flags into the typed request.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a value that its flag does not accept.
    pub(crate) fn request(self, clock: Clock, color: bool) -> Result<Request, Failure> {
        let dialect = match self.compat {
            true => Dialect::Conforma,
            false => Dialect::Promote,
        };
        let show = self.show(clock, color);
        let (time, allow_past) = (&self.effective_time, self.allow_past_effective_time);
        let moment = Moment::parse(time, allow_past, clock.now());
        let gate = GateRequest {
            trust: self.trust.into(),
            policy: PolicyRequest {
                policy: self.policy.unwrap_or_default(),
                rule_data: rule_data(&self.extra_rule_data)?,
                dialect,
                by_intention: self.filter_type == FilterType::EcPolicy,
                allow_empty: self.allow_empty_policy,
                paths: Paths::Own,
                hosts: self.policy_hosts,
            },
            moment: moment.or_fail(Kind::Usage)?,
            checks: SignatureChecks {
                image_signature: !self.skip_image_sig_check,
                attestation_signature: !self.skip_att_sig_check,
            },
            workers: self.workers,
            keep: keep(&self.output, show),
            wording: Dialect::Promote,
            recorded: Vec::new(),
            require_source: self.require_source,
            allow_unattested: self.allow_unattested,
        };
        let digest = self.images_digest;
        let subject = match self.policy_input {
            Some(file) => VerdictSubject::Saved(file),
            None => images_subject(self.image, self.images, digest)?,
        };
        Ok(Request {
            subject,
            allow_empty: self.allow_empty,
            gate,
            outputs: match self.shard {
                Some(shard) => outputs_of_part(self.output, shard),
                None => self.output,
            },
            show,
            strict: self.strict,
            verified_out: self.verified_out,
            promotion: self.require_promotion.zip(self.promotion_trust).map(
                |(environment, trust)| PromotionDemand {
                    environment,
                    trust,
                    min_age: self.min_age,
                },
            ),
            shard: self.shard,
        })
    }
}

/// Returns the reports of a part, whose files are named after it. The JSON report is always among
/// them, because `--merge` joins the reports of all parts.
fn outputs_of_part(mut outputs: Vec<ReportOutput>, shard: Shard) -> Vec<ReportOutput> {
    if outputs.is_empty() {
        outputs.push(ReportOutput::text());
    }
    let report = ReportOutput::report();
    if !outputs.contains(&report) {
        outputs.push(report);
    }
    let outputs = outputs.into_iter();
    outputs
        .map(|output| output.of_part(|name| shard.file(name)))
        .collect()
}

/// Returns one image as the subject, else the list.
fn images_subject(
    image: Option<String>,
    source: Option<String>,
    digest: Option<Digest>,
) -> Result<VerdictSubject, Failure> {
    Ok(match image {
        Some(text) => VerdictSubject::Image {
            reference: reference(&text)?,
            digest,
        },
        None => VerdictSubject::List { source, digest },
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    text::duration(text).ok_or_else(|| "expected a duration with its unit, such as 24h".to_owned())
}

fn reference(text: &str) -> Result<Reference, Failure> {
    let text = text.trim_start_matches("docker://");
    text.parse().or_fail(Kind::Usage)
}

/// Splits `KEY=VALUE` pairs for the rule data.
///
/// # Errors
/// [`Kind::Usage`] for a text without `=`.
pub(in crate::commands) fn rule_data(pairs: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    for (index, pair) in pairs.iter().enumerate() {
        match pair.split_once('=') {
            Some((key, value)) => read.push((key.to_owned(), value.to_owned())),
            None => wrong.push(format!("incorrect syntax for --extra-rule-data {index}")),
        }
    }
    match wrong.is_empty() {
        true => Ok(read),
        false => {
            let failure = Failure::message(Kind::Usage, wrong.join("\n"));
            Err(failure.hint("write it as KEY=VALUE"))
        }
    }
}
