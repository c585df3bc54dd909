//! One case for each error that ends a run, after which no signature is accepted.

use lab::{
    registry::{Effect, Fault},
    sigstore::{Layer, Tuf as Repository, Web, put_layers},
};

use super::*;
use crate::trust::{Error, Loaded, Patterns, RootSource, Start, TrustRequest, Tuf};

/// Returns the name of an error's variant.
fn name(error: &Error) -> String {
    let shown = format!("{error:?}");
    let end = shown.find(|c: char| !c.is_alphanumeric());
    shown[..end.unwrap_or(shown.len())].to_owned()
}

async fn key(reference: &str) -> Error {
    let loaded = TrustedKey::load(reference, &Env::default(), &http()).await;
    loaded.unwrap_err()
}

/// A repository without its metadata, or with another root than the expected one.
async fn tuf(checksum: Option<&str>) -> Error {
    let (web, cache) = (Web::start().unwrap(), tempfile::tempdir().unwrap());
    let mut files = Repository::new().unwrap().serving(1, &json!({}));
    files.insert("timestamp.json".to_owned(), b"{}".to_vec());
    web.serve_files(files);
    let start = Start {
        mirror: web.url(),
        root: Some(format!("{}/root.json", web.url())),
        checksum: checksum.map(str::to_owned),
    };
    let env = Env::from([("TUF_ROOT", cache.path().to_str().unwrap())]);
    let tuf = Tuf::new(http(), &env).unwrap();
    tuf.initialize(&start).await.unwrap_err()
}

/// Makes a request with this signer and without an issuer.
async fn request(signer: &[&str]) -> Error {
    let request = TrustRequest {
        public_key: Vec::new(),
        certificate_identity: signer.iter().map(|text| (*text).to_owned()).collect(),
        certificate_identity_regexp: Vec::new(),
        certificate_oidc_issuer: None,
        certificate_oidc_issuer_regexp: None,
        rekor_url: None,
        ignore_rekor: false,
        insecure_ignore_sct: false,
        root: RootSource::PublicGood,
        refuse_unreachable: false,
        patterns: Patterns::Whole,
        loaded: Loaded::default(),
    };
    let verifier = request.verifier(&Env::default(), &http()).await;
    verifier.unwrap_err()
}

/// Makes an image with this number of good signatures.
async fn signed(times: usize) -> Result<Examined, Error> {
    let world = World::new();
    let claims = world.claims();
    let layer = Layer::signature(&claims, &world.key.sign(&claims).unwrap());
    put_layers(&world.registry, &world.image, "sig", &vec![layer; times]);
    let verifier = world.by_key();
    verifier.examine(&registry(), &world.reference()).await
}

#[tokio::test]
async fn each_error_has_its_cause() {
    let unreadable = HttpOptions {
        ca_files: vec!["/nowhere/ca.pem".into()],
        ..HttpOptions::default()
    };
    let unreadable = Http::new(unreadable, &Env::default());
    let no_client = TrustedKey::load("https://keys.example/x", &Env::default(), &unreadable).await;
    let world = World::new();
    let verifier = world.by_key();
    let mut absent = world.reference();
    absent.digest = crate::image::Digest::of(b"nothing");
    let absent = verifier.examine(&registry(), &absent).await.unwrap_err();
    world
        .registry
        .fail(Fault::new(Effect::Status(500)).of("GET", ".sig"));
    let failed = verifier.examine(&registry(), &world.reference()).await;
    let errors = [
        ("Key", TrustedKey::from_pem("no key", "a test").unwrap_err()),
        ("Missing", key("/nowhere/cosign.pub").await),
        ("Identity", Matcher::exact("").unwrap_err()),
        ("NoSigner", request(&[]).await),
        ("Contradiction", request(&["ci@example.com"]).await),
        ("Root", SigstoreRoot::parse(b"{}", "a test").unwrap_err()),
        ("Tuf", tuf(None).await),
        ("RootChecksum", tuf(Some(&"00".repeat(32))).await),
        ("Remote", key("https://127.0.0.1:1/cosign.pub").await),
        (
            "Contradiction",
            Rekor::new(http(), "ftp://log.example").unwrap_err(),
        ),
        ("Kube", key("k8s://signing").await),
        ("Http", no_client.unwrap_err()),
        ("Registry", failed.unwrap_err()),
        ("ImageNotFound", absent),
        ("TooMany", signed(1001).await.unwrap_err()),
    ];
    let mut seen = BTreeSet::new();
    for (expected, error) in &errors {
        assert_eq!(name(error), *expected, "{error}");
        assert!(error.to_string().len() > 10, "{error}");
        seen.insert(*expected);
    }
    assert_eq!(seen, variants("Error", ERRORS, 11));
}

#[tokio::test]
async fn as_many_signatures_as_may_be_are_all_checked() {
    let examined = signed(100).await.unwrap();
    assert_eq!(examined.signatures.unwrap().len(), 100);
}
