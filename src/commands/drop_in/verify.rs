//! `verify-enterprise-contract` and `verify-gitops-conforma`: trust root, Snapshot and policy as their steps prepare
//! them, then `ec validate image`.

use std::{ffi::OsString, fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    cluster::{self, Single},
    signatures::{Addresses, NONE, RetryFlags, Signers},
};
use crate::{
    commands::{Context, Outcome, ec, write_file},
    failure::{Failure, Kind, OrFail as _},
};

/// Flags of `verify-enterprise-contract`, and the verification of the other Tasks.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The images: a Snapshot spec as JSON or YAML, a file with it, or the name of a Snapshot in the cluster
    #[arg(long, value_name = "JSON|FILE|NAME")]
    pub(super) images: Option<String>,
    #[command(flatten)]
    pub(super) how: How,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct How {
    /// The policy configuration, as for ec validate image --policy
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "enterprise-contract-service/default"
    )]
    pub(super) policy_configuration: String,
    #[command(flatten)]
    pub(super) signers: Signers,
    #[command(flatten)]
    pub(super) addresses: Addresses,
    /// Show titles, descriptions and solutions in reports
    #[arg(long)]
    pub(super) info: bool,
    /// Fail if the policy refuses an image; false: fail only on errors
    #[arg(long, value_name = "BOOL", hide_possible_values = true, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) strict: bool,
    /// Evaluate rules at this time: now, attestation (when the image was built), RFC 3339 or YYYY-MM-DD
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub(super) effective_time: String,
    /// Accept an --effective-time in the past, before the effective date of newer rules
    #[arg(long)]
    pub(super) allow_past_effective_time: bool,
    /// Add these values to the rule data, as KEY=VALUE,KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) extra_rule_data: Option<String>,
    /// Pin the policy bundle that Conforma releases to this digest
    #[arg(long, value_name = "DIGEST")]
    pub(super) policy_bundle_digest: Option<String>,
    /// How many images to verify at the same time
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) workers: String,
    #[command(flatten)]
    pub(super) single: Single,
    #[command(flatten)]
    pub(super) waits: RetryFlags,
    /// Ignore this parameter of the original Task, as NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) not_read: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct GitopsArgs {
    /// The checkout in which fetch-gitops-images wrote the list of images
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// The public key, base64-encoded
    #[arg(long, value_name = "BASE64")]
    cosign_public_key: Option<String>,
    /// The policy configuration, as for ec validate image --policy
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "enterprise-contract-service/default"
    )]
    policy_configuration: String,
    /// Fail if the policy refuses an image; false: fail only on errors
    #[arg(long, value_name = "BOOL", hide_possible_values = true, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: bool,
    #[command(flatten)]
    addresses: Addresses,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let images = args.images.as_deref().unwrap_or_default();
    verify(images, &args.how, context).await
}

/// Verifies the images that a text, a file or a resource names.
pub(super) async fn verify(images: &str, how: &How, context: &Context) -> Result<Outcome, Failure> {
    let given = how
        .not_read
        .iter()
        .filter_map(|param| param.split_once('='));
    for (name, value) in given.filter(|(_, value)| !value.is_empty()) {
        tracing::info!(
            name,
            value,
            "this param of the original has no meaning here"
        );
    }
    let images = cluster::snapshot(images, &how.single, context).await?;
    let digest = how.policy_bundle_digest.as_deref();
    let policy = cluster::pinned(&how.policy_configuration, digest, context).await?;
    if let Some(mirror) = how.addresses.tuf()? {
        let root = format!("{}/root.json", mirror.trim_end_matches('/'));
        let line = [
            "sigstore",
            "initialize",
            "--mirror",
            &mirror,
            "--root",
            &root,
        ];
        call(line.map(str::to_owned).to_vec(), context).await?;
    }
    let mut line = vec!["validate".to_owned(), "image".to_owned()];
    line.push(format!("--images={images}"));
    line.push(format!("--policy={policy}"));
    line.extend(how.signers.flags());
    line.extend(how.waits.flags());
    if let Some(url) = how.addresses.rekor()?.filter(|url| url != NONE) {
        line.push(format!("--rekor-url={url}"));
    }
    if let Some(pairs) = &how.extra_rule_data {
        line.push(format!("--extra-rule-data={pairs}"));
    }
    line.extend([
        format!("--workers={}", how.workers),
        format!("--info={}", how.info),
        format!("--strict={}", how.strict),
        format!("--effective-time={}", how.effective_time),
        format!(
            "--allow-past-effective-time={}",
            how.allow_past_effective_time
        ),
        "--show-successes=true".to_owned(),
        "--output=json".to_owned(),
    ]);
    call(line, context).await
}

pub(super) async fn run_gitops(args: GitopsArgs, context: &Context) -> Result<Outcome, Failure> {
    let list = args
        .source
        .join("results/gather-deploy-images/IMAGES_TO_VERIFY");
    let images = fs::read_to_string(&list).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Usage,
        };
        let text = list.display().to_string();
        Failure::new(kind, error)
            .context(text)
            .hint("fetch-gitops-images writes it")
    })?;
    let key = args.cosign_public_key.unwrap_or_default();
    let key = STANDARD.decode(key.trim()).or_fail(Kind::Usage);
    let key = key.map_err(|failure| failure.context("COSIGN_PUBLIC_KEY is not base64"))?;
    let key = String::from_utf8(key).or_fail(Kind::Usage)?;
    let rekor = args.addresses.rekor()?.ok_or_else(|| {
        let text =
            "no Rekor log is given: neither --rekor-host nor the file rekor_url of --sigstore-dir";
        Failure::message(Kind::Usage, text)
            .hint("mount the Secret tas-secret, or give --rekor-host none to verify without a log")
    })?;
    let without = rekor == NONE;
    let how = How {
        policy_configuration: args.policy_configuration,
        signers: Signers {
            public_key: Some(key).filter(|key| !key.is_empty()),
            ignore_rekor: without,
            ..Signers::default()
        },
        addresses: Addresses {
            rekor_host: Some(rekor).filter(|_| !without),
            tuf_mirror: args.addresses.tuf()?,
            sigstore_dir: None,
        },
        info: true,
        strict: args.strict,
        effective_time: "now".to_owned(),
        allow_past_effective_time: false,
        extra_rule_data: None,
        policy_bundle_digest: None,
        workers: "5".to_owned(),
        single: Single::default(),
        waits: RetryFlags::default(),
        not_read: Vec::new(),
    };
    let outcome = verify(&images, &how, context).await?;
    if let Some(verdict) = outcome.results.get("TEST_OUTPUT") {
        let file = args.source.join("results/verify-conforma/TEST_OUTPUT");
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir).or_fail(Kind::Usage)?;
        }
        write_file(&file, verdict.as_bytes())?;
    }
    Ok(outcome)
}

/// Runs a command line of `ec`.
async fn call(line: Vec<String>, context: &Context) -> Result<Outcome, Failure> {
    let line = line.into_iter().map(OsString::from).collect();
    ec::EcCall::parse(line)?.run(context).await
}
