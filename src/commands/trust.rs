//! `trust`: the trust root, and checks of signatures, attestations and bundles without policy.
//!
//! The same code as `verify-ec` uses; only the policy is left out.

mod output;

use std::{collections::BTreeMap, path::PathBuf, str::FromStr};

use clap::{Subcommand, ValueEnum};
use output::{json, refusal, signer_text, text};

use super::{
    Context, Outcome,
    failures::{registry_failure, trust_failure},
    files::write_file,
    trust_flags::{RootFlags, TrustFlags},
};
use crate::{
    failure::{Failure, Kind},
    image::{DigestReference, Reference},
    registry::{Content, Version},
    trust::{
        self, Artifact, Attestation, Examined, ImageVerifier, Reason, Rejected, SigstoreRoot,
        TrustRequest, Tuf, VerifiedSignature,
    },
};

/// cosign's short names for predicate types.
const SHORT_NAMES: [(&str, &str); 8] = [
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Debug, Subcommand)]
enum TrustCommand {
    /// Fetch a Sigstore trusted root by TUF and cache it for later runs
    Init(InitArgs),
    /// Verify an image's signatures or attestations, with the reason why each is accepted or refused
    Verify(VerifyArgs),
    /// Verify a Sigstore bundle of a file or digest
    VerifyBundle(BundleArgs),
}

#[derive(Debug, clap::Args)]
struct InitArgs {
    /// The URL of the TUF repository
    #[arg(long, value_name = "URL", default_value = trust::PUBLIC_GOOD)]
    mirror: String,
    /// The initial root.json of the TUF repository [default: the cached one, else that of Sigstore's public instance]
    #[arg(long, value_name = "FILE|URL")]
    root: Option<String>,
    /// The SHA-256 that root.json must have
    #[arg(long, value_name = "HEX", requires = "root")]
    root_checksum: Option<String>,
    /// Also write the trusted root to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// The image, by digest or tag
    #[arg(value_name = "IMAGE")]
    image: Reference,
    /// The artifacts to verify
    #[arg(long, value_name = "KIND", default_value = "signature")]
    kind: Asked,
    /// Accept only attestations of this type: a predicate type, or a short name such as slsaprovenance or spdxjson
    #[arg(long = "type", value_name = "TYPE")]
    predicate_type: Option<String>,
    /// Require this annotation in the signed payload
    #[arg(long, value_name = "KEY=VALUE")]
    annotation: Vec<ExpectedAnnotation>,
    /// Verify the image of every platform in an index too
    #[arg(long)]
    each_platform: bool,
    /// The output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: FindingsFormat,
    #[command(flatten)]
    trust: TrustFlags,
}

#[derive(Debug, clap::Args)]
struct BundleArgs {
    /// The file with the Sigstore bundle
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// The artifact: a file, or sha256:HEX
    #[arg(value_name = "ARTIFACT|sha256:HEX")]
    artifact: String,
    /// Verify with this public key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
    /// Require a certificate with this identity
    #[arg(long, value_name = "SUBJECT")]
    certificate_identity: Option<String>,
    /// Require this OIDC issuer in the certificate
    #[arg(long, value_name = "URL")]
    certificate_oidc_issuer: Option<String>,
    /// Trust Sigstore's staging instance instead of the public one
    #[arg(long, conflicts_with_all = ["trusted_root", "tuf_mirror"])]
    staging: bool,
    #[command(flatten)]
    root: RootFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Asked {
    /// The image's signatures
    Signature,
    /// The image's attestations
    Attestation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FindingsFormat {
    /// Text to read, without a fixed layout
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ExpectedAnnotation {
    name: String,
    value: String,
}

impl FromStr for ExpectedAnnotation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err("expected KEY=VALUE"),
        }
    }
}

/// Runs the subcommand that was given.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.command {
        TrustCommand::Init(args) => init(args, context).await,
        TrustCommand::Verify(args) => verify(args, context).await,
        TrustCommand::VerifyBundle(args) => verify_bundle(args, context).await,
    }
}

async fn init(args: InitArgs, context: &Context) -> Result<Outcome, Failure> {
    let tuf = Tuf::new(context.http.clone(), &context.env).map_err(trust_failure)?;
    let start = trust::Start {
        mirror: args.mirror,
        root: args.root,
        checksum: args.root_checksum,
    };
    let found = tuf.initialize(&start).await.map_err(trust_failure)?;
    SigstoreRoot::parse(&found, &start.mirror).map_err(trust_failure)?;
    if let Some(path) = &args.out {
        write_file(path, &found)?;
    }
    let stdout = format!("trusted root of {} is ready\n", start.mirror).into_bytes();
    Ok(Outcome {
        stdout,
        ..Outcome::default()
    })
}

async fn verify_bundle(args: BundleArgs, context: &Context) -> Result<Outcome, Failure> {
    let flags = TrustFlags {
        public_key: args.key.into_iter().collect(),
        certificate_identity: args.certificate_identity.into_iter().collect(),
        certificate_oidc_issuer: args.certificate_oidc_issuer,
        root: RootFlags {
            staging: args.staging,
            ..args.root
        },
        ..TrustFlags::default()
    };
    let bundle = context.read(&args.bundle)?;
    // The protocol of the conformance suite: an argument is a digest unless it is a file.
    let artifact = match args.artifact.parse() {
        Ok(digest) => Artifact::Digest(digest),
        Err(error) if args.artifact.starts_with("sha256:") => {
            return Err(
                Failure::new(Kind::Usage, error).hint(format!("./{} names a file", args.artifact))
            );
        }
        Err(_) => Artifact::Bytes(context.read(args.artifact.as_ref())?),
    };
    let verifier = verifier(flags, context).await?;
    let signer = verifier
        .verify_bundle(&bundle, &artifact)
        .map_err(|reason| {
            Failure::new(Kind::Refused, reason)
                .context(format!("{} is refused", args.bundle.display()))
        })?;
    let stdout = format!("verified: signed by {}\n", signer_text(&signer)).into_bytes();
    Ok(Outcome {
        stdout,
        ..Outcome::default()
    })
}

async fn verifier(flags: TrustFlags, context: &Context) -> Result<ImageVerifier, Failure> {
    let verifier = TrustRequest::from(flags);
    let verifier = verifier.verifier(&context.env, &context.http).await;
    verifier.map_err(trust_failure)
}

async fn verify(args: VerifyArgs, context: &Context) -> Result<Outcome, Failure> {
    if args.kind == Asked::Signature && args.predicate_type.is_some() {
        return Err(Failure::message(
            Kind::Usage,
            "--type needs --kind attestation",
        ));
    }
    let verifier = verifier(args.trust.clone(), context).await?;
    let mut findings = Vec::new();
    for image in images(&args, context).await? {
        let examined = verifier.examine(&context.registry, &image).await;
        findings.push(ImageFinding::of(&args, examined.map_err(trust_failure)?));
    }
    let stdout = match args.output {
        FindingsFormat::Text => text(&findings, verifier.who()),
        FindingsFormat::Json => json(&findings, &verifier),
    };
    let failure = findings.iter().find_map(refusal);
    Ok(Outcome {
        stdout: stdout.into_bytes(),
        failure,
        ..Outcome::default()
    })
}

/// Returns the image by digest and, if requested, the images of an index.
async fn images(args: &VerifyArgs, context: &Context) -> Result<Vec<DigestReference>, Failure> {
    let Reference {
        repository,
        tag,
        digest,
    } = &args.image;
    let version = match (digest, tag) {
        (Some(digest), _) => Version::Digest(*digest),
        (None, Some(tag)) => Version::Tag(tag.clone()),
        (None, None) => {
            let message = format!("{} has neither a tag nor a digest", args.image);
            return Err(Failure::message(Kind::Usage, message));
        }
    };
    let manifest = context.registry.manifest(repository, &version).await;
    let manifest = manifest.map_err(registry_failure)?.ok_or_else(|| {
        Failure::message(Kind::NotFound, format!("image {} not found", args.image))
    })?;
    let mut images = vec![repository.pinned(manifest.digest)];
    if args.each_platform
        && let Content::Index(index) = manifest.content().map_err(registry_failure)?
    {
        let children = index.manifests.iter();
        images.extend(children.map(|child| repository.pinned(child.digest)));
    }
    Ok(images)
}

/// The results of checking one image.
struct ImageFinding {
    image: DigestReference,
    kind: trust::EvidenceKind,
    signatures: Vec<VerifiedSignature>,
    attestations: Vec<Attestation>,
    rejected: Vec<Rejected>,
}

impl ImageFinding {
    fn of(args: &VerifyArgs, examined: Examined) -> Self {
        let image = examined.image;
        let (mut signatures, mut attestations) = (Vec::new(), Vec::new());
        let (kind, outcome) = match args.kind {
            Asked::Signature => {
                let found = examined.signatures.map(|found| signatures = found);
                (trust::EvidenceKind::Signature, found)
            }
            Asked::Attestation => {
                let found = examined.attestations.map(|found| attestations = found);
                (trust::EvidenceKind::Attestation, found)
            }
        };
        let mut rejected = match outcome {
            Ok(()) => {
                let all = examined.rejected.into_iter();
                all.filter(|rejected| rejected.kind.is_none_or(|of| of == kind))
                    .collect()
            }
            Err(failure) => failure.rejected,
        };
        signatures.retain(|signature| {
            let missing = missing_annotation(args, &signature.annotations);
            let kept = missing.is_none();
            rejected.extend(missing.map(|reason| reject(&signature.origin, kind, reason)));
            kept
        });
        attestations.retain(|attestation| {
            let wrong = wrong_type(args, attestation).or_else(|| {
                let annotations = attestation
                    .signatures
                    .iter()
                    .flat_map(|s| s.annotations.clone());
                missing_annotation(args, &annotations.collect())
            });
            let kept = wrong.is_none();
            rejected.extend(wrong.map(|reason| reject(&attestation.origin, kind, reason)));
            kept
        });
        Self {
            image,
            kind,
            signatures,
            attestations,
            rejected,
        }
    }

    /// Tells whether one candidate is accepted.
    fn holds(&self) -> bool {
        !self.signatures.is_empty() || !self.attestations.is_empty()
    }
}

fn reject(origin: &str, kind: trust::EvidenceKind, reason: Reason) -> Rejected {
    Rejected {
        origin: origin.to_owned(),
        kind: Some(kind),
        promotion: false,
        reason,
    }
}

fn missing_annotation(args: &VerifyArgs, signed: &BTreeMap<String, String>) -> Option<Reason> {
    let is_missing = |wanted: &&ExpectedAnnotation| signed.get(&wanted.name) != Some(&wanted.value);
    let missing = args.annotation.iter().find(is_missing)?;
    Some(Reason::Annotation {
        name: missing.name.clone(),
        value: missing.value.clone(),
    })
}

fn wrong_type(args: &VerifyArgs, attestation: &Attestation) -> Option<Reason> {
    let asked = args.predicate_type.as_deref()?;
    let expected = SHORT_NAMES.iter().find(|(short, _)| *short == asked);
    let expected = expected.map_or(asked, |(_, long)| long);
    let found = attestation.statement.predicate_type();
    (found != expected).then(|| Reason::PredicateType {
        found: found.to_owned(),
        expected: expected.to_owned(),
    })
}
