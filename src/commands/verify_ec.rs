//! `verify-ec`: signatures, attestations and policy for every image; the report and `verified.json`.
//!
//! 1. read the list of images and check its digest
//! 2. find the policy, fetch and compile its sources
//! 3. examine every image and ask the policy about it, some at a time
//! 4. write the reports, then `verified.json`
//!
//! An old `verified.json` is removed first: after an error there is none.

pub(super) mod component;
pub(super) mod images;
pub(super) mod moment;
pub(super) mod output;
pub(super) mod policies;
mod questions;
mod replay;
mod verdict;

use std::path::PathBuf;

use component::{Checked, Checks, Run};
use jiff::Timestamp;
use moment::Moment;
use output::{Keep, Output};
use policies::{Wanted, fetcher, first_key};
use verdict::Verdict;

use super::{Context, Outcome, files::write_file, trust_flags::TrustFlags};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    image::Digest,
    policy::Dialect,
    report::{Format, Report, Show},
    snapshot::Images,
    trust::{Verifier, Who},
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["TEST_OUTPUT", "VERIFIED_DIGEST"];

/// Flags of `verify-ec`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The list of images: a file, file:NAME in the data directory, or the JSON itself [default: images.json]
    #[arg(long, value_name = "FILE|JSON", conflicts_with = "image")]
    images: Option<String>,
    /// The digest of the list that gather-images reported
    #[arg(long, value_name = "DIGEST")]
    images_digest: Option<Digest>,
    /// One image instead of a list, by tag or digest
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// Accept an empty list of images
    #[arg(long)]
    allow_empty: bool,
    /// The policy: a configuration (file, inline text, URL) or a directory or repository with rules
    #[arg(long, value_name = "POLICY")]
    policy: String,
    #[command(flatten)]
    trust: TrustFlags,
    /// Evaluate inputs that --output policy-input saved, instead of images; vouches for nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "image", "images_digest", "verified_out"])]
    policy_input: Option<PathBuf>,
    /// Write a report: FORMAT or FORMAT=FILE, one of json, yaml, text, appstudio, summary, summary-markdown, junit, html, attestation, policy-input
    ///
    /// Options may follow: FORMAT=FILE?show-successes=true&show-warnings=false&show-policy-docs-link=true.
    #[arg(long, value_name = "FORMAT[=FILE]")]
    output: Vec<Output>,
    /// Fail when the policy says no; without it only errors fail
    #[arg(long, action = clap::ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: bool,
    /// Show titles, descriptions and solutions of results
    #[arg(long)]
    info: bool,
    /// Show what passed
    #[arg(long)]
    show_successes: bool,
    /// Show warnings in text
    #[arg(long, action = clap::ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    show_warnings: bool,
    /// Say in text where the policies of the Conforma project are explained
    #[arg(long)]
    show_policy_docs_link: bool,
    /// Judge the rules' dates for this moment: now, attestation (when the image was built), RFC 3339 or YYYY-MM-DD
    #[arg(long, value_name = "TIME", default_value = "now")]
    effective_time: String,
    /// Accept an --effective-time in the past, at which later rules were not in force
    #[arg(long)]
    allow_past_effective_time: bool,
    /// Add a member to the rule data of every source group
    #[arg(long, value_name = "KEY=VALUE")]
    extra_rule_data: Vec<String>,
    /// How many images are examined at the same time
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Which rules count: those that the criteria select, or of them those for the configured pipelines
    #[arg(long, value_name = "HOW", default_value = "include-exclude")]
    filter_type: FilterType,
    /// Do not check image signatures; nothing is vouched for then
    #[arg(long)]
    skip_image_sig_check: bool,
    /// Do not check the signatures of attestations; nothing is vouched for then
    #[arg(long)]
    skip_att_sig_check: bool,
    /// Select rules, read results and expand indexes with the known faults of upstream
    #[arg(long)]
    compat: bool,
    /// Where to write the verdict [default: verified.json]
    #[arg(long, value_name = "FILE")]
    verified_out: Option<PathBuf>,
}

/// Which rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FilterType {
    /// Those that the criteria select
    IncludeExclude,
    /// Of those the ones whose pipeline_intention is the rule data's
    EcPolicy,
}

/// Runs the command.
///
/// # Errors
/// Configuration that cannot be used. What concerns the images stands in [`Outcome::failure`],
/// because the reports are written then.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if let Some(file) = &args.policy_input {
        return replay::run(file, &args, context).await;
    }
    let verified_out = context.path(args.verified_out.as_deref(), "verified.json");
    remove(&verified_out)?;
    let moment = args.moment(context)?;
    let images = args.images(context).await?;
    let mut trust = args.trust.clone();
    let fetcher = fetcher(context);
    let wanted = args.wanted();
    let spec = wanted.locate(&mut trust, &fetcher, context).await?;
    let at = moment.start();
    let verifier = trust.verifier(context).await?;
    let policies = wanted
        .load(spec, &trust, first_key(&verifier), at, fetcher, context)
        .await?;
    let components = images::expand(&images, &context.registry, args.dialect()).await;
    let run = Run {
        context,
        verifier: &verifier,
        policies: &policies,
        snapshot: images::shown(
            &images.snapshot,
            components.iter().map(|target| &target.component),
        ),
        moment,
        checks: args.checks(),
        keep: Keep::of(&args.output, args.show(context)),
        dialect: Dialect::Promote,
    };
    let mut checked = run.check_all(&components, args.workers).await;
    let all_known = checked.iter().all(|checked| checked.error.is_none());
    let failure = failure(&mut checked, args.strict);
    let at = component::youngest(&checked).unwrap_or(at);
    let mut skipped_checks = verifier.skipped_checks();
    skipped_checks.extend(args.checks().skipped());
    let report = Report {
        key: key(&verifier),
        policy: policies.spec().clone(),
        skipped_checks,
        ..report(&checked, at)
    };
    let mut outcome = args.write_reports(&report, context)?;
    if all_known {
        let report_bytes = report
            .render(Format::Json, args.show(context))
            .or_fail(Kind::Bug)?;
        let verdict = Verdict {
            images: &images,
            policies: &policies,
            verifier: &verifier,
            at,
        };
        let verified = verdict.document(
            &report,
            &checked,
            Digest::of(report_bytes.as_bytes()),
            context,
        );
        let bytes = serde_json::to_vec(&verified).or_fail(Kind::Bug)?;
        write_file(&verified_out, &bytes)?;
        outcome
            .results
            .set("VERIFIED_DIGEST", Digest::of(&bytes).to_string());
    } else {
        outcome.results.set("VERIFIED_DIGEST", "");
    }
    outcome.failure = failure;
    Ok(outcome)
}

/// Removes an old verdict: after an error there is none.
fn remove(verified_out: &std::path::Path) -> Result<(), Failure> {
    match std::fs::remove_file(verified_out) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let failure = Failure::new(Kind::Usage, error);
            Err(failure.context(format!("cannot replace {}", verified_out.display())))
        }
        _ => Ok(()),
    }
}

/// The report about what was checked, sorted; who signed and which policy decided is left open.
pub(super) fn report(checked: &[Checked], at: Timestamp) -> Report {
    let mut report = Report {
        success: checked.iter().all(|checked| checked.report.success),
        components: checked
            .iter()
            .map(|checked| checked.report.clone())
            .collect(),
        version: concat!("promote ", env!("CARGO_PKG_VERSION")).to_owned(),
        effective_time: at.to_string(),
        ..Report::default()
    };
    report.sort();
    report
}

/// The exit code over all components: a refusal wins over a remote that failed.
fn failure(checked: &mut [Checked], strict: bool) -> Option<Failure> {
    let refused: Vec<_> = checked
        .iter()
        .filter(|checked| checked.error.is_none() && !checked.report.success)
        .map(refusal)
        .collect();
    if !refused.is_empty() && strict {
        let text = format!("the policy refuses the images: {}", refused.join("; "));
        return Some(Failure::message(Kind::Refused, text).hint("the report names each violation"));
    }
    let errors = checked
        .iter_mut()
        .filter_map(|checked| checked.error.take());
    errors.min_by_key(Failure::kind)
}

fn refusal(checked: &Checked) -> String {
    let component = &checked.report;
    let first = component.violations.first();
    let said = first.map(|first| match first.code() {
        Some(code) => format!("{code}: {}", first.msg),
        None => first.msg.clone(),
    });
    format!(
        "{} has {} violation(s), first {}",
        component.name,
        component.violations.len(),
        said.unwrap_or_default()
    )
}

/// The public keys as PEM; empty for keyless signers.
pub(super) fn key(verifier: &Verifier) -> String {
    match verifier.who() {
        Who::Keys { keys, .. } => keys.iter().map(crate::trust::Key::to_pem).collect(),
        Who::Identities(_) => String::new(),
    }
}

impl Args {
    async fn images(&self, context: &Context) -> Result<Images, Failure> {
        let images = match &self.image {
            Some(reference) => images::of_reference(reference, &context.registry).await?,
            None => images::read(self.images.as_deref(), self.images_digest, context)?,
        };
        if let Some(expected) = self.images_digest
            && expected != images.digest
        {
            let text = format!(
                "the list of images has digest {}, gather-images wrote {expected}: it was changed or belongs to another run",
                images.digest
            );
            return Err(Failure::message(Kind::Refused, text));
        }
        if images.pinned.is_empty() && !self.allow_empty {
            let failure = Failure::message(
                Kind::NotFound,
                "the list has no images: nothing would be verified",
            );
            return Err(failure.hint("say --allow-empty if that is right"));
        }
        Ok(images)
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            policy: &self.policy,
            extra_rule_data: &self.extra_rule_data,
            dialect: self.dialect(),
            by_intention: self.filter_type == FilterType::EcPolicy,
        }
    }

    fn dialect(&self) -> Dialect {
        if self.compat {
            Dialect::Conforma
        } else {
            Dialect::Promote
        }
    }

    fn checks(&self) -> Checks {
        Checks {
            image_signature: !self.skip_image_sig_check,
            attestation_signature: !self.skip_att_sig_check,
        }
    }

    fn moment(&self, context: &Context) -> Result<Moment, Failure> {
        Moment::parse(
            &self.effective_time,
            self.allow_past_effective_time,
            context.clock.now(),
        )
    }

    fn show(&self, context: &Context) -> Show {
        Show {
            info: self.info,
            successes: self.show_successes,
            warnings: self.show_warnings,
            docs_link: self.show_policy_docs_link,
            color: context.color,
            dialect: Dialect::Promote,
            now: context.clock.now(),
        }
    }

    fn write_reports(&self, report: &Report, context: &Context) -> Result<Outcome, Failure> {
        let show = self.show(context);
        let stdout = output::write(&self.output, report, show, context)?;
        let mut outcome = Outcome {
            stdout,
            ..Outcome::default()
        };
        let appstudio = report.render(Format::Appstudio, show).or_fail(Kind::Bug)?;
        outcome.results.set("TEST_OUTPUT", appstudio);
        Ok(outcome)
    }
}
