//! The flags of `ec validate image` and the typed request that they become.

use jiff::Timestamp;

use super::super::{
    Context, ReportFlags, Usage,
    unsupported::{self, Vsa},
    usage,
};
use crate::{
    commands::{
        output::{ReportOutput, keep},
        verify_ec::rule_data,
    },
    failure::{Failure, Kind, OrFail as _},
    gate::{GateRequest, Moment, PolicyRequest, SignatureChecks},
    policy::{Dialect, Paths},
    report::Show,
    trust::{Loaded, Patterns, RootSource, TrustRequest},
};

#[derive(Debug, clap::Args)]
pub(in crate::commands::ec) struct Args {
    /// The policy configuration: a cluster resource, a file, a Git reference or inline text
    #[arg(
        long,
        short = 'p',
        value_name = "POLICY",
        default_value = "",
        hide_default_value = true
    )]
    policy: String,
    /// The image to validate
    #[arg(
        long,
        short = 'i',
        value_name = "REF",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::commands::ec) image: String,
    /// A Snapshot: a file, JSON or YAML
    #[arg(
        long,
        value_name = "FILE|JSON",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::commands::ec) images: String,
    /// A Snapshot file; deprecated, use --images
    #[arg(
        long,
        short = 'f',
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::commands::ec) file_path: String,
    /// A Snapshot as JSON; deprecated, use --images
    #[arg(
        long,
        short = 'j',
        value_name = "JSON",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::commands::ec) json_input: String,
    /// A Snapshot in the cluster, as [NAMESPACE/]NAME
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::commands::ec) snapshot: String,
    /// The public key; overrides the key in the policy
    #[arg(
        long,
        short = 'k',
        value_name = "KEY",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    public_key: String,
    /// The URL of the Rekor log; overrides the URL in the policy
    #[arg(
        long,
        short = 'r',
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    rekor_url: String,
    /// Do not require a transparency log entry; with certificates a timestamp authority must prove the time
    #[arg(long)]
    ignore_rekor: bool,
    /// Do not verify image signatures
    #[arg(long)]
    skip_image_sig_check: bool,
    /// Do not verify attestation signatures
    #[arg(long)]
    skip_att_sig_check: bool,
    /// Require a certificate with this identity
    #[arg(
        long,
        value_name = "SUBJECT",
        default_value = "",
        hide_default_value = true
    )]
    certificate_identity: String,
    /// Require a certificate with an identity that matches this regular expression
    #[arg(
        long,
        value_name = "REGEX",
        default_value = "",
        hide_default_value = true
    )]
    certificate_identity_regexp: String,
    /// Require this OIDC issuer in the certificate
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    certificate_oidc_issuer: String,
    /// Require an OIDC issuer that matches this regular expression
    #[arg(
        long,
        value_name = "REGEX",
        default_value = "",
        hide_default_value = true
    )]
    certificate_oidc_issuer_regexp: String,
    /// Write a report to standard output or FILE: json, yaml, text, appstudio, summary, summary-markdown, junit, attestation or policy-input
    #[arg(long, value_name = "FORMAT[=FILE]")]
    output: Vec<String>,
    /// Write the JSON report to this file; deprecated, use --output json=FILE
    #[arg(
        long,
        short = 'o',
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    output_file: String,
    /// Fail if the policy refuses an image; false: fail only on errors
    #[arg(long, short = 's', action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = usage::boolean)]
    pub(super) strict: bool,
    /// Evaluate rules at this time: now, attestation (when the image was built), RFC 3339 or YYYY-MM-DD
    #[arg(long, value_name = "TIME", default_value = "now")]
    effective_time: String,
    /// Accept an --effective-time in the past, before the effective date of newer rules
    #[arg(long)]
    allow_past_effective_time: bool,
    /// Add this value to the rule data of every source group
    #[arg(long, value_name = "KEY=VALUE")]
    extra_rule_data: Vec<String>,
    /// Show titles, descriptions and solutions in reports
    #[arg(long)]
    info: bool,
    /// Do not colour the text report
    #[arg(long)]
    no_color: bool,
    /// Colour the text report, also in files
    #[arg(long)]
    color: bool,
    /// How many images to verify at the same time
    #[arg(long, value_name = "N", default_value = "5")]
    workers: u16,
    /// The rules to evaluate: include-exclude (those that are selected) or ec-policy (of these, those for the configured pipelines)
    #[arg(long, value_name = "HOW", default_value = "include-exclude")]
    filter_type: String,
    #[command(flatten)]
    vsa: Vsa,
}

impl Args {
    /// Refuses flags without a counterpart here.
    pub(in crate::commands::ec) fn check(&self) -> Result<(), Usage> {
        self.vsa.check()?;
        let outputs = usage::split(&self.output)?;
        let is_vsa = |output: &String| output.split(['=', '?']).next() == Some("vsa");
        match outputs.iter().any(is_vsa) {
            true => Err(unsupported::refuse("--output vsa")),
            false => Ok(()),
        }
    }

    fn trust(&self) -> TrustRequest {
        let many = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        for (flag, text) in [
            (
                "--certificate-identity-regexp",
                &self.certificate_identity_regexp,
            ),
            (
                "--certificate-oidc-issuer-regexp",
                &self.certificate_oidc_issuer_regexp,
            ),
        ] {
            let is_anchored = text.starts_with('^') && text.ends_with('$');
            if !(text.is_empty() || is_anchored) {
                tracing::warn!(
                    "the expression of {flag} also matches inside of a longer name: anchor it by ^ and $, as verify-ec does"
                );
            }
        }
        TrustRequest {
            public_key: many(&self.public_key).into_iter().collect(),
            certificate_identity: match self.certificate_identity_regexp.as_str() {
                // The expression wins over the text.
                "" => many(&self.certificate_identity).into_iter().collect(),
                _ => Vec::new(),
            },
            certificate_identity_regexp: many(&self.certificate_identity_regexp)
                .into_iter()
                .collect(),
            certificate_oidc_issuer: match self.certificate_oidc_issuer_regexp.as_str() {
                "" => many(&self.certificate_oidc_issuer),
                _ => None,
            },
            certificate_oidc_issuer_regexp: many(&self.certificate_oidc_issuer_regexp),
            rekor_url: many(&self.rekor_url),
            ignore_rekor: self.ignore_rekor,
            insecure_ignore_sct: false,
            root: RootSource::Default,
            refuse_unreachable: true,
            patterns: Patterns::Part,
            loaded: Loaded::default(),
        }
    }

    pub(super) fn request(
        &self,
        outputs: &[ReportOutput],
        show: Show,
        now: Timestamp,
    ) -> Result<GateRequest, Failure> {
        let pairs = usage::split(&self.extra_rule_data)?;
        let moment = Moment::parse(&self.effective_time, self.allow_past_effective_time, now);
        Ok(GateRequest {
            trust: self.trust(),
            policy: PolicyRequest {
                policy: self.policy.clone(),
                rule_data: rule_data(&pairs)?,
                dialect: Dialect::Conforma,
                by_intention: self.filter_type == "ec-policy",
                // Upstream's message; the log explains it.
                allow_empty: true,
                paths: Paths::Any,
                hosts: Vec::new(),
            },
            moment: moment.or_fail(Kind::Usage)?,
            checks: SignatureChecks {
                image_signature: !self.skip_image_sig_check,
                attestation_signature: !self.skip_att_sig_check,
            },
            workers: self.workers,
            keep: keep(outputs, show),
            wording: Dialect::Conforma,
            recorded: Vec::new(),
            require_source: false,
            allow_unattested: false,
        })
    }

    /// Returns the reports that can be written, and a message about each of the others.
    pub(super) fn outputs(&self) -> Result<(Vec<ReportOutput>, Vec<String>), Usage> {
        let mut texts = usage::split(&self.output)?;
        if !self.output_file.is_empty() {
            texts.push(format!("json={}", self.output_file));
        }
        let (mut outputs, mut wrong) = (Vec::new(), Vec::new());
        for text in texts {
            match ReportOutput::lenient(&text) {
                Ok(output) => outputs.push(output),
                Err(error) => wrong.push(error),
            }
        }
        if outputs.is_empty() && wrong.is_empty() {
            outputs.push(ReportOutput::text());
        }
        Ok((outputs, wrong))
    }

    pub(super) fn show(&self, shown: &ReportFlags, context: &Context) -> Show {
        Show {
            info: self.info,
            successes: shown.show_successes,
            warnings: shown.show_warnings,
            docs_link: shown.show_policy_docs_link,
            color: !self.no_color
                && !super::super::refuses_color(&context.env)
                && (self.color || context.color),
            dialect: Dialect::Conforma,
            now: context.clock.written(),
        }
    }
}
