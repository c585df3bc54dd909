//! Tests pairs with the lab: each good artefact is accepted, and with one change it is refused for
//! the expected reason. A reason without a case fails the suite.

mod advisories;
mod artifacts;
mod attacks;
mod boundary;
mod cost;
mod delegations;
mod errors;
mod keys;
mod layouts;
mod mutations;
mod repositories;
mod schemes;
mod servers;
mod stamped;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use lab::{
    registry::Server,
    signer::{self, Image},
    sigstore::{self, CertificateRequest, SIGNED, Sigstore},
};
use serde_json::{Value, json};

use super::{
    Examined, ExpectedIdentity, ImageVerifier, LogPolicy, Matcher, Reason, Rekor, SignatureFailure,
    SigstoreRoot, TrustedKey, TrustedSigners, VerifierOptions,
};
use crate::{
    env::Env,
    http::{Http, HttpOptions},
    image::DigestReference,
    registry::Registry,
};

const SUBJECT: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0";
const ISSUER: &str = "https://token.actions.example";
const PREDICATE: &str = "https://slsa.dev/provenance/v0.2";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A registry, a private Sigstore, a key and an unsigned image.
struct World {
    registry: Server,
    sigstore: Sigstore,
    key: signer::Key,
    image: Image,
}

impl World {
    fn new() -> Self {
        Self::on(lab::registry::Options::default())
    }

    fn without_referrers() -> Self {
        Self::on(lab::registry::Options {
            referrers: false,
            ..lab::registry::Options::default()
        })
    }

    fn on(options: lab::registry::Options) -> Self {
        let registry = Server::start(options).unwrap();
        let image = signer::push_image(&registry, "acme/app", "v1.0", "seed", 1).unwrap();
        Self {
            registry,
            sigstore: Sigstore::new().unwrap(),
            key: signer::Key::generate().unwrap(),
            image,
        }
    }

    fn another_image(&self) -> Image {
        signer::push_image(&self.registry, "acme/app", "v0.9", "other", 1).unwrap()
    }

    fn certificate(&self, request: &CertificateRequest<'_>) -> Vec<u8> {
        self.sigstore.certificate(&self.key, request).unwrap()
    }

    fn honest_certificate(&self) -> Vec<u8> {
        self.certificate(&CertificateRequest::new(SUBJECT, ISSUER))
    }

    fn claims(&self) -> Vec<u8> {
        signer::claims(&self.image).into_bytes()
    }

    fn statement(&self, predicate_type: &str) -> Value {
        signer::statement(
            &self.image,
            predicate_type,
            &json!({"builder": {"id": "lab"}}),
        )
    }

    fn envelope(&self, statement: &Value) -> Value {
        let payload = statement.to_string();
        signer::envelope(&self.key, signer::IN_TOTO, payload.as_bytes()).unwrap()
    }

    fn log(&self, document: &Value) -> sigstore::Entry {
        self.sigstore.log.add(document, SIGNED).unwrap()
    }

    fn root(&self) -> SigstoreRoot {
        parse_root(&self.sigstore.trusted_root())
    }

    fn expected_key(&self) -> TrustedKey {
        TrustedKey::from_pem(&self.key.public_pem(), "the lab").unwrap()
    }

    /// Expects the owner of the key, without any log.
    fn by_key(&self) -> ImageVerifier {
        verifier(keys(self.expected_key(), LogPolicy::Ignored), None)
    }

    /// Expects the owner of the key and an entry in the log.
    fn by_logged_key(&self) -> ImageVerifier {
        verifier(
            keys(self.expected_key(), LogPolicy::Required),
            Some(self.root()),
        )
    }

    /// Expects the workflow with a certificate.
    fn keyless(&self) -> ImageVerifier {
        verifier(identity(SUBJECT, ISSUER), Some(self.root()))
    }

    async fn examine(&self, verifier: &ImageVerifier) -> Examined {
        let examined = verifier.examine(&registry(), &self.reference()).await;
        examined.unwrap()
    }

    fn reference(&self) -> DigestReference {
        let Image {
            repository, digest, ..
        } = &self.image;
        format!("{}/{repository}@{digest}", self.registry.address())
            .parse()
            .unwrap()
    }
}

fn registry() -> Registry {
    // Retries of requests that fail on purpose would only take time.
    let options = crate::registry::ClientOptions {
        retries: crate::registry::Retries {
            most: 0,
            ..crate::registry::Retries::default()
        },
        ..crate::registry::ClientOptions::default()
    };
    Registry::new(http(), &Env::default(), options)
}

fn http() -> Http {
    Http::new(HttpOptions::default(), &Env::default())
}

fn keys(key: TrustedKey, log: LogPolicy) -> TrustedSigners {
    TrustedSigners::Keys {
        keys: vec![key],
        log,
    }
}

fn identity(subject: &str, issuer: &str) -> TrustedSigners {
    TrustedSigners::Identities(vec![ExpectedIdentity {
        subject: Matcher::exact(subject).unwrap(),
        issuer: Matcher::exact(issuer).unwrap(),
    }])
}

fn verifier(who: TrustedSigners, root: Option<SigstoreRoot>) -> ImageVerifier {
    asking(who, root, None)
}

fn asking(who: TrustedSigners, root: Option<SigstoreRoot>, rekor: Option<Rekor>) -> ImageVerifier {
    ImageVerifier::new(options(who, root, rekor))
}

fn options(
    who: TrustedSigners,
    root: Option<SigstoreRoot>,
    rekor: Option<Rekor>,
) -> VerifierOptions {
    VerifierOptions {
        who,
        root: root.map(std::sync::Arc::new),
        rekor,
        refuse_unreachable: false,
        skip_certificate_log: false,
        repository: None,
    }
}

fn parse_root(document: &Value) -> SigstoreRoot {
    SigstoreRoot::parse(document.to_string().as_bytes(), "the lab").unwrap()
}

/// Returns the first reason in a failure.
#[track_caller]
fn reason<T: std::fmt::Debug>(outcome: Result<Vec<T>, SignatureFailure>) -> Reason {
    let failure = outcome.expect_err("it counts");
    let first = failure.rejected.into_iter().next();
    first.expect("no candidate was found").reason
}

const ERRORS: &str = include_str!("error.rs");

/// Returns the variants of an enumeration, read from its source so that none is missed.
fn variants(of: &str, source: &'static str, least: usize) -> BTreeSet<&'static str> {
    let start = source.find(&format!("pub(crate) enum {of} {{")).unwrap();
    let body = source[start..].split("\n}").next().unwrap();
    let names = body.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?;
        let end = name.find(|c: char| !c.is_alphanumeric())?;
        name.starts_with(char::is_uppercase).then(|| &name[..end])
    });
    let names: BTreeSet<_> = names.collect();
    assert!(names.len() >= least, "{names:?}");
    names
}

fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(dir.join(name)).unwrap()
}

/// Returns the bundles among the real artefacts of cosign v3, by image.
fn real_bundles() -> Vec<(BTreeMap<String, String>, Vec<u8>)> {
    let dir =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cosign-v3/layout/blobs/sha256");
    let mut bundles = Vec::new();
    for entry in fs::read_dir(&dir).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let Ok(manifest) = serde_json::from_slice::<Value>(&bytes) else {
            continue;
        };
        let layer = &manifest["layers"][0];
        let subject = manifest["subject"]["digest"].as_str();
        let is_bundle = layer["mediaType"]
            .as_str()
            .is_some_and(|kind| kind.contains("sigstore.bundle"));
        if let (Some(subject), true) = (subject, is_bundle) {
            let digest = layer["digest"]
                .as_str()
                .unwrap()
                .trim_start_matches("sha256:");
            let named = BTreeMap::from([("subject".to_owned(), subject.to_owned())]);
            bundles.push((named, fs::read(dir.join(digest)).unwrap()));
        }
    }
    bundles
}
