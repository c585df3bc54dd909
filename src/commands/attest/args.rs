//! The flags of `attest` and the typed request that they become.

#![allow(
    rustdoc::bare_urls,
    reason = "the comments of flags are the text of --help"
)]

use std::{path::PathBuf, time::Duration};

use super::{AttestRequest, FilesRequest, StatementKind};
use crate::{
    failure::{Failure, Kind},
    http::Url,
    image::Digest,
    record::{
        Approval, GitopsPlace, PromotionRun, SigningServices, StatementLayout, VerifiedLevel,
        is_level,
    },
    text,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that copy-image wrote [default: promoted.json]
    #[arg(long, value_name = "FILE")]
    promoted: Option<PathBuf>,
    /// Require this digest of promoted.json, as copy-image reported it
    #[arg(long, value_name = "DIGEST")]
    promoted_digest: Option<Digest>,
    /// The file that verify-ec wrote [default: verified.json]
    #[arg(long, value_name = "FILE")]
    verified: Option<PathBuf>,
    /// Require this digest of verified.json, as verify-ec reported it
    #[arg(long, value_name = "DIGEST")]
    verified_digest: Option<Digest>,
    /// The file that gather-images wrote [default: images.json]
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// The JSON report of verify-ec [default: report.json]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The environment to which the images are promoted; each environment gets its own record
    #[arg(long, value_name = "NAME", default_value = "prod")]
    environment: Vec<String>,
    /// The URI that names your organisation as the verifier, such as https://example.com/promote
    #[arg(long, value_name = "URI")]
    verifier_id: Option<String>,
    /// The name of the policy in the record [default: the URL that verify-ec recorded, without its revision]
    #[arg(long, value_name = "URI")]
    policy_uri: Option<String>,
    #[command(flatten)]
    signing: SigningFlags,
    /// The documents to attach [default: evidence; with a signing key also vsa and promotion]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    statements: Vec<StatementKind>,
    /// How to store signed statements; auto stores them as the image's own signatures are stored
    #[arg(long, value_name = "LAYOUT", default_value = "auto")]
    layout: LayoutChoice,
    /// Record this level in the summary if all these rules passed, such as SLSA_BUILD_LEVEL_3=slsa_build_build_service.slsa_builder_id_accepted
    #[arg(long, value_name = "LEVEL=CODE[,CODE]")]
    level: Vec<String>,
    /// Record who approved the promotion
    #[arg(long, value_name = "WHO")]
    approval: Vec<String>,
    /// Record the GitOps repository that will deploy the images
    #[arg(long, value_name = "URL")]
    gitops_repo_url: Option<String>,
    /// Let the promotion statement expire after this time, such as 2160h [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    valid_for: Option<Duration>,
    /// Record the URL of the run
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
    /// Record the name of the PipelineRun
    #[arg(long, value_name = "NAME")]
    pipeline_run: Option<String>,
    /// Record the name of the TaskRun
    #[arg(long, value_name = "NAME")]
    task_run: Option<String>,
    /// Record the trace ID of the run
    #[arg(long, value_name = "ID")]
    trace_id: Option<String>,
    /// Write a copy of each attached document into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show what would be attached, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The flags that name the signer of statements.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Signing options")]
pub(crate) struct SigningFlags {
    /// Sign with this private key: a file in PKCS#8 or cosign's encrypted format, or k8s://[NAMESPACE/]SECRET
    #[arg(long, value_name = "FILE|k8s://…", conflicts_with = "fulcio_url")]
    signing_key: Option<String>,
    /// The file with the password of --signing-key
    #[arg(long, value_name = "FILE", requires = "signing_key")]
    signing_key_password_file: Option<PathBuf>,
    /// Sign with the key in cosign.key of this directory (a mounted Secret); its password is in cosign.password
    #[arg(long, value_name = "DIR", conflicts_with_all = ["signing_key", "fulcio_url"])]
    signing_key_dir: Option<PathBuf>,
    /// Sign without a key: get a certificate from this Fulcio server for the identity in --identity-token-file
    #[arg(long, value_name = "URL", requires = "identity_token_file")]
    fulcio_url: Option<String>,
    /// The OIDC token for --fulcio-url, with the audience sigstore: a file, or a directory with the file oidc-token
    #[arg(long, value_name = "FILE|DIR")]
    identity_token_file: Option<PathBuf>,
    /// Record signatures in this Rekor v2 log
    #[arg(long, value_name = "URL")]
    rekor_url: Option<String>,
    /// Get timestamps for signatures from this timestamp authority, such as https://HOST/api/v1/timestamp
    #[arg(long, value_name = "URL")]
    tsa_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LayoutChoice {
    /// As the image's own signatures are stored
    Auto,
    /// A Sigstore bundle that refers to the image
    Bundle,
    /// A layer under the tag sha256-….att
    Tag,
}

fn duration(text: &str) -> Result<Duration, String> {
    text::duration(text)
        .ok_or_else(|| "expected a duration with its unit, such as 2160h".to_owned())
}

impl SigningFlags {
    /// Returns the key, the file with its password, and the services that certify, log and stamp.
    fn into_signer(self) -> (Option<String>, Option<PathBuf>, SigningServices) {
        let (key, password) = match self.signing_key_dir {
            Some(dir) => {
                let password = dir.join("cosign.password");
                let key = dir.join("cosign.key").display().to_string();
                (Some(key), Some(password).filter(|file| file.exists()))
            }
            None => (self.signing_key, self.signing_key_password_file),
        };
        let token = self.identity_token_file.map(|path| match path.is_dir() {
            true => path.join("oidc-token"),
            false => path,
        });
        let services = SigningServices {
            fulcio: self.fulcio_url.zip(token),
            rekor_url: self.rekor_url,
            tsa_url: self.tsa_url,
        };
        (key, password, services)
    }
}

impl TryFrom<Args> for AttestRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        let levels = args.level.iter().map(|text| level(text));
        let verifier_id = args.verifier_id.filter(|id| !id.is_empty());
        if let Some(id) = &verifier_id {
            check_verifier(id)?;
        }
        let (signing_key, password, services) = args.signing.into_signer();
        let gitops = args.gitops_repo_url.iter().map(|url| GitopsPlace {
            uri: without_login(url),
            ..GitopsPlace::default()
        });
        Ok(Self {
            files: FilesRequest {
                images: args.images,
                verified: args.verified,
                verified_digest: args.verified_digest,
                promoted: args.promoted,
                promoted_digest: args.promoted_digest,
                report: args.report,
            },
            environments: args.environment,
            verifier_id,
            policy_uri: args.policy_uri,
            signing_key,
            password,
            services,
            statements: args.statements,
            layout: match args.layout {
                LayoutChoice::Auto => None,
                LayoutChoice::Bundle => Some(StatementLayout::Bundle),
                LayoutChoice::Tag => Some(StatementLayout::Tag),
            },
            levels: levels.collect::<Result<_, _>>()?,
            approvals: args
                .approval
                .into_iter()
                .map(|by| Approval { by })
                .collect(),
            gitops: gitops.collect(),
            run: PromotionRun {
                url: args.run_url,
                pipeline_run: args.pipeline_run,
                task_run: args.task_run,
                trace_id: args.trace_id,
            },
            valid_for: args.valid_for,
            out: args.out,
            dry_run: args.dry_run,
        })
    }
}

/// Removes user and password from a URL, because the statement is public.
pub(in crate::commands) fn without_login(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return text.to_owned();
    };
    // A URL that cannot hold a user has none.
    let _ = url.set_password(None);
    if url.scheme().starts_with("http") {
        let _ = url.set_username("");
    }
    url.to_string()
}

/// Checks the URI of a verifier: readers compare it as a whole, so it must not change with the program.
fn check_verifier(id: &str) -> Result<(), Failure> {
    let wrong = |reason: &str| {
        let text = format!("--verifier-id {id:?}: {reason}");
        Err(Failure::message(Kind::Usage, text).hint("such as https://example.com/promote"))
    };
    let scheme = id.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '+')
    };
    if !scheme.is_some_and(is_scheme) || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("expected a URI");
    }
    if id.contains(env!("CARGO_PKG_VERSION")) {
        return wrong("it contains the version of this program");
    }
    Ok(())
}

/// Parses `LEVEL=CODE[,CODE]`; a level without rules is refused.
fn level(text: &str) -> Result<VerifiedLevel, Failure> {
    let wrong = |reason: &str| {
        let text = format!("--level {text:?}: {reason}");
        Failure::message(Kind::Usage, text)
    };
    let (name, rules) = text
        .split_once('=')
        .ok_or_else(|| wrong("expected LEVEL=CODE[,CODE]"))?;
    if !is_level(name) {
        return Err(wrong(
            "expected SLSA_<TRACK>_LEVEL_<n>, or a property of capitals, digits and _",
        ));
    }
    let rules: Vec<_> = rules.split(',').map(str::trim).map(str::to_owned).collect();
    if rules.iter().any(String::is_empty) {
        return Err(wrong("a level without rules would be claimed, not proved"));
    }
    Ok(VerifiedLevel {
        name: name.to_owned(),
        rules,
    })
}
