//! Other tools say the same of an image before and after.

use lab::{
    registry::Server,
    signer::{self, Image, Key},
    sigstore::put_bundle,
};
use serde_json::json;

use super::{PromotedImage, VSA, fixture, public};
use crate::harness::Workdir;

const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A bundle with a statement by a key, without a log.
fn bundle(key: &Key, image: &Image, kind: &str) -> serde_json::Value {
    let statement = signer::statement(image, kind, &json!({})).to_string();
    let envelope = signer::envelope(key, signer::IN_TOTO, statement.as_bytes()).unwrap();
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "aGludA=="}, "tlogEntries": []},
        "dsseEnvelope": envelope,
    })
}

#[test]
fn says_what_other_tools_read_of_an_image() {
    let registry = Server::start(lab::registry::Options::default()).unwrap();
    let key = Key::generate().unwrap();
    let dir = Workdir::new();
    let shows = |image: &Image, text: &str| {
        let name = format!(
            "{}/{}@{}",
            registry.address(),
            image.repository,
            image.digest
        );
        dir.promote(&["inspect", &name]).exits(0).prints(text);
        dir.promote(&["inspect", &name, "--output=json"])
            .exits(0)
            .prints(text);
    };
    let image = |name: &str| signer::push_image(&registry, name, "v1", name, 1).unwrap();
    let nothing = image("nothing");
    shows(&nothing, "no signature or attestation to read");
    let tags = image("tags");
    signer::sign(&registry, &tags, &key).unwrap();
    shows(&tags, "read the tags .sig and .att");
    put_bundle(&registry, &tags, &bundle(&key, &tags, VSA)).unwrap();
    shows(&tags, "they refuse the image");
    put_bundle(&registry, &tags, &bundle(&key, &tags, SIGN)).unwrap();
    shows(&tags, "ignore the tags .sig and .att");
    let attested = image("attested");
    put_bundle(&registry, &attested, &bundle(&key, &attested, VSA)).unwrap();
    shows(&attested, "no signature");
    dir.promote(&["inspect", &format!("{}/none:v1", registry.address())])
        .exits(3);
}

#[test]
fn a_copy_that_hides_signatures_warns() {
    let (from, other, to) = (start(), start(), start());
    let key = Key::generate().unwrap();
    let legacy = signer::push_image(&from, "a", "v1", "same", 1).unwrap();
    signer::sign(&from, &legacy, &key).unwrap();
    // The same image elsewhere, with an attestation as a bundle.
    let attested = signer::push_image(&other, "a", "v1", "same", 1).unwrap();
    let bytes = from.manifest("a", &legacy.digest).unwrap();
    assert_eq!(attested.digest, legacy.digest, "{bytes:?}");
    put_bundle(&other, &attested, &bundle(&key, &attested, VSA)).unwrap();
    let dir = Workdir::new();
    let copy = |server: &Server, flags: &[&str]| {
        let (source, target) = (
            format!("{}/a:v1", server.address()),
            format!("{}/a:v1", to.address()),
        );
        dir.promote(&[&["copy-image", &source, &target, "--unverified"], flags].concat())
            .exits(0)
    };
    let quiet = copy(&from, &[]);
    assert!(
        !quiet.stderr.contains("none of which is a signature"),
        "{}",
        quiet.stderr
    );
    copy(&other, &["--dry-run"]).says("none of which is a signature");
    copy(&other, &[]).says("none of which is a signature");
    // With the image's own signature as a bundle nothing is hidden.
    let (signed, there) = (start(), start());
    let image = signer::push_image(&signed, "a", "v1", "same", 1).unwrap();
    signer::sign(&signed, &image, &key).unwrap();
    put_bundle(&signed, &image, &bundle(&key, &image, SIGN)).unwrap();
    let (source, target) = (
        format!("{}/a:v1", signed.address()),
        format!("{}/a:v1", there.address()),
    );
    let run = dir
        .promote(&["copy-image", &source, &target, "--unverified"])
        .exits(0);
    assert!(
        !run.stderr.contains("none of which is a signature"),
        "{}",
        run.stderr
    );
}

fn start() -> Server {
    Server::start(lab::registry::Options::default()).unwrap()
}

/// The layout follows the image's own signatures, and the image's own verification holds before and after.
#[test]
fn no_verdict_of_our_own_changes() {
    let scene = PromotedImage::new();
    let image_key = scene.universe.public_key().display().to_string();
    let verify = |flags: &[&str]| {
        let own = ["trust", "verify", &scene.image(), "--ignore-rekor"];
        scene.dir.promote(&[&own, flags].concat()).code
    };
    let key = format!("--public-key={image_key}");
    let provenance = format!("--type={}", signer::PROVENANCE);
    let all = || {
        [
            verify(&[&key]),
            verify(&[&key, "--kind=attestation", &provenance]),
            verify(&["--public-key=promote.pub"]),
        ]
    };
    let before = all();
    assert_eq!(before, [0, 0, 4]);
    scene.sign(&[]).exits(0);
    // The key of statements never verifies the image.
    assert_eq!(all(), before);
    let stranger = Key::generate().unwrap();
    let stranger = public(&scene.dir, "stranger.pub", &stranger);
    scene.finds(VSA, &stranger).exits(4);
    scene
        .finds(VSA, &fixture("p256.pub").display().to_string())
        .exits(0);
}
