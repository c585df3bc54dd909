//! `verify-ec`: signatures, attestations and policy for every image; the report and `verified.json`.
//!
//! 1. read the list of images and check its digest
//! 2. find the policy, fetch and compile its sources
//! 3. examine every image and ask the policy about it, some at a time
//! 4. write the reports, then `verified.json`
//!
//! An old `verified.json` is removed first: after an error there is none.

mod component;
mod failures;
mod images;
mod output;
mod questions;

use std::path::PathBuf;

use component::{Checked, Run};
use failures::{locate_failure, policy_failure};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use output::Output;
use serde_json::{Value, json};

use super::{Context, Outcome, trust_flags::TrustFlags, write_file};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover::{self, VERSION, Verified, VerifiedComponent},
    image::Digest,
    policy::{self, Fetcher, Policies, Quirks, Settings, Spec, rego::Host},
    report::{Format, Report, Show},
    snapshot::Images,
    trust::{Matcher, Verifier, Who},
};

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
    /// Write a report: FORMAT or FORMAT=FILE, one of json, yaml, text, appstudio, summary, summary-markdown, junit, html
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
    /// Judge the rules' dates for this moment: now, RFC 3339 or YYYY-MM-DD
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
    /// Select rules and read results with the known faults of upstream
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
    let verified_out = context.path(args.verified_out.as_deref(), "verified.json");
    match std::fs::remove_file(&verified_out) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let failure = Failure::new(Kind::Usage, error);
            return Err(failure.context(format!("cannot replace {}", verified_out.display())));
        }
        _ => {}
    }
    let at = args.effective_time(context)?;
    let images = args.images(context).await?;
    let mut trust = args.trust.clone();
    let policies = args.policies(&mut trust, at, context).await?;
    let verifier = trust.verifier(context).await?;
    let components = images::expand(&images, &context.registry).await;
    let run = Run::new(context, &verifier, &policies, &components, at);
    let checks = components.iter().map(|target| run.check(target));
    let mut checked: Vec<Checked> = stream::iter(checks)
        .buffered(usize::from(args.workers))
        .collect()
        .await;
    let all_known = checked.iter().all(|checked| checked.error.is_none());
    let failure = failure(&mut checked, args.strict);
    let mut report = Report {
        success: checked.iter().all(|checked| checked.report.success),
        components: checked
            .iter()
            .map(|checked| checked.report.clone())
            .collect(),
        key: key(&verifier),
        policy: policies.spec().clone(),
        version: concat!("promote ", env!("CARGO_PKG_VERSION")).to_owned(),
        effective_time: at.to_string(),
        skipped_checks: verifier.skipped_checks(),
    };
    report.sort();
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

fn key(verifier: &Verifier) -> String {
    match verifier.who() {
        Who::Keys { keys, .. } => keys.iter().map(crate::trust::Key::to_pem).collect(),
        Who::Identities(_) => String::new(),
    }
}

impl Args {
    async fn images(&self, context: &Context) -> Result<Images, Failure> {
        let images = match &self.image {
            Some(reference) => images::of_reference(reference, &context.registry).await?,
            None => images::read(self.images.as_deref(), context)?,
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

    async fn policies(
        &self,
        trust: &mut TrustFlags,
        at: Timestamp,
        context: &Context,
    ) -> Result<Policies, Failure> {
        let fetcher = Fetcher::new(
            context.git.clone(),
            context.http.clone(),
            context.registry.clone(),
        );
        let mut spec = policy::locate(&self.policy, &fetcher)
            .await
            .map_err(locate_failure)?;
        self.add_rule_data(&mut spec)?;
        complete(trust, &mut spec);
        let settings = Settings {
            host: Host::online(
                context.registry.clone(),
                tokio::runtime::Handle::current(),
                questions::verify(context, trust),
            ),
            sigstore_options: sigstore_options(trust),
            quirks: if self.compat {
                Quirks::Upstream
            } else {
                Quirks::Fixed
            },
            by_intention: self.filter_type == FilterType::EcPolicy,
        };
        let loaded = Policies::load(spec, &fetcher, settings, at).await;
        loaded.map_err(policy_failure)
    }

    fn add_rule_data(&self, spec: &mut Spec) -> Result<(), Failure> {
        for (index, pair) in self.extra_rule_data.iter().enumerate() {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Failure::message(
                    Kind::Usage,
                    format!("incorrect syntax for --extra-rule-data {index}: expected KEY=VALUE"),
                )
            })?;
            for group in &mut spec.sources {
                let rule_data = group.rule_data.get_or_insert_default();
                rule_data.insert(key.to_owned(), Value::from(value));
            }
        }
        Ok(())
    }

    fn effective_time(&self, context: &Context) -> Result<Timestamp, Failure> {
        let now = context.clock.now();
        if self.effective_time.eq_ignore_ascii_case("now") {
            return Ok(now);
        }
        let text = &self.effective_time;
        let at = policy::config::parse_time(text).ok_or_else(|| {
            let text = format!(
                "invalid policy time argument: {text:?}, expected now, RFC 3339 or YYYY-MM-DD"
            );
            Failure::message(Kind::Usage, text)
        })?;
        if at < now - jiff::SignedDuration::from_secs(2) && !self.allow_past_effective_time {
            let text = format!(
                "effective time {at} is in the past; use --allow-past-effective-time to override"
            );
            return Err(Failure::message(Kind::Usage, text));
        }
        Ok(at)
    }

    fn show(&self, context: &Context) -> Show {
        Show {
            info: self.info,
            successes: self.show_successes,
            warnings: true,
            docs_link: false,
            color: false,
            now: context.clock.now(),
        }
    }

    fn write_reports(&self, report: &Report, context: &Context) -> Result<Outcome, Failure> {
        let show = self.show(context);
        let mut outcome = Outcome::default();
        let text = Output::text();
        let outputs = if self.output.is_empty() {
            std::slice::from_ref(&text)
        } else {
            self.output.as_slice()
        };
        for output in outputs {
            let rendered = report
                .render(output.format, output.show(show))
                .or_fail(Kind::Bug)?;
            match &output.path {
                Some(path) => write_file(&context.path(Some(path), ""), rendered.as_bytes())?,
                None => outcome.stdout.extend(rendered.as_bytes()),
            }
        }
        let appstudio = report.render(Format::Appstudio, show).or_fail(Kind::Bug)?;
        outcome.results.set("TEST_OUTPUT", appstudio);
        Ok(outcome)
    }
}

/// What the flags leave open, the policy's configuration decides; the flags win as a whole.
fn complete(trust: &mut TrustFlags, spec: &mut Spec) {
    let by_identity = !trust.certificate_identity.is_empty()
        || !trust.certificate_identity_regexp.is_empty()
        || trust.certificate_oidc_issuer.is_some()
        || trust.certificate_oidc_issuer_regexp.is_some();
    if by_identity && trust.public_key.is_empty() {
        spec.public_key.clear();
    } else if let [key] = trust.public_key.as_slice() {
        // A key that is given as text is no name for it.
        if !key.contains("-----BEGIN") {
            spec.public_key.clone_from(key);
        }
    } else if trust.public_key.is_empty() && !spec.public_key.is_empty() {
        trust.public_key.push(spec.public_key.clone());
    } else if let (true, Some(identity)) = (trust.public_key.is_empty(), &spec.identity) {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        trust.certificate_identity.extend(some(&identity.subject));
        trust
            .certificate_identity_regexp
            .extend(some(&identity.subject_regexp));
        trust.certificate_oidc_issuer = some(&identity.issuer);
        trust.certificate_oidc_issuer_regexp = some(&identity.issuer_regexp);
    }
    if trust.rekor_url.is_none() && !spec.rekor_url.is_empty() {
        trust.rekor_url = Some(spec.rekor_url.clone());
    } else if let Some(url) = &trust.rekor_url {
        spec.rekor_url.clone_from(url);
    }
}

/// What `data.config.default_sigstore_opts` tells the rules.
fn sigstore_options(trust: &TrustFlags) -> Value {
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    json!({
        "certificate_identity": first(&trust.certificate_identity),
        "certificate_identity_regexp": first(&trust.certificate_identity_regexp),
        "certificate_oidc_issuer": text(&trust.certificate_oidc_issuer),
        "certificate_oidc_issuer_regexp": text(&trust.certificate_oidc_issuer_regexp),
        "ignore_rekor": trust.ignore_rekor,
        "public_key": first(&trust.public_key),
        "rekor_url": text(&trust.rekor_url),
    })
}

/// What goes into `verified.json`.
struct Verdict<'a> {
    images: &'a Images,
    policies: &'a Policies,
    verifier: &'a Verifier,
    at: Timestamp,
}

impl Verdict<'_> {
    fn document(
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
            let mut exceptions: Vec<_> = own()
                .flat_map(|checked| checked.report.exceptions.clone())
                .collect();
            exceptions.dedup();
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
                exceptions,
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
