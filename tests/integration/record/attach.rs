//! The documents that are written: how much, how often, and what stays when a run is killed.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lab::{registry::Options, signer};
use serde_json::Value;

use super::{PROMOTION, PromotedImage, VSA, fixture, public};
use crate::harness::{Run, Workdir};

#[test]
fn the_evidence_bundle_needs_no_key_and_few_requests() {
    for (options, most) in [
        (Options::default(), 6),
        (
            Options {
                referrers: false,
                ..Options::default()
            },
            8,
        ),
    ] {
        let api = options.referrers;
        let scene = PromotedImage::at(options);
        scene
            .attest(&[
                "--results-dir=results",
                "--run-url=https://ci.example/run/7",
            ])
            .exits(0)
            .prints("evidence sha256:");
        let requests = scene.production.requests();
        assert!(requests.len() <= most, "{api}: {requests:#?}");
        let digest = scene.dir.read("results/EVIDENCE_DIGEST");
        let manifest = scene.production.manifest("acme/web", &digest).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(
            manifest["subject"]["digest"],
            scene.universe.image.digest.as_str()
        );
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let bundle: Value =
            serde_json::from_slice(&scene.production.blob("acme/web", layer).unwrap()).unwrap();
        for name in [
            "images.json",
            "verified.json",
            "promoted.json",
            "report.json",
        ] {
            let files = bundle["files"].as_array().unwrap();
            let file = files.iter().find(|file| file["name"] == name).unwrap();
            assert_eq!(file["content"], scene.dir.read(name), "{name}");
        }
        scene.production.forget_requests();
        scene
            .attest(&["--run-url=https://ci.example/run/7"])
            .exits(0)
            .prints("present");
        assert_eq!(scene.writes(), [""; 0], "{api}");
        scene
            .dir
            .promote(&["why", &scene.image()])
            .exits(0)
            .prints("promoted to prod")
            .prints("v1.0")
            .prints("https://ci.example/run/7")
            .prints(&digest);
        scene
            .dir
            .promote(&["inspect", &scene.image()])
            .exits(0)
            .prints("vnd.promote.evidence");
    }
}

#[test]
fn statements_join_the_attestations_under_their_tag() {
    let scene = PromotedImage::new();
    let before = scene.att_layers();
    scene.production.forget_requests();
    scene
        .sign(&["--out=copies"])
        .exits(0)
        .prints("vsa")
        .prints("promotion");
    let requests = scene.production.requests();
    assert!(requests.len() <= 12, "{requests:#?}");
    let layers = scene.att_layers();
    assert_eq!(layers.len(), before.len() + 2);
    assert_eq!(layers[..before.len()], before);
    for kind in [VSA, PROMOTION] {
        scene.finds(kind, "promote.pub").exits(0);
    }
    // The image's own signatures and attestations are found as before.
    let key = scene.universe.public_key().display().to_string();
    scene.finds(signer::PROVENANCE, &key).exits(0);
    scene
        .dir
        .promote(&[
            "trust",
            "verify",
            &scene.image(),
            &format!("--public-key={key}"),
            "--ignore-rekor",
        ])
        .exits(0);
    scene.production.forget_requests();
    scene.sign(&[]).exits(0).prints("present");
    assert_eq!(scene.writes(), [""; 0]);
}

/// The clock goes on between two runs; the files do not change.
#[test]
fn the_same_files_are_attested_once_whatever_the_time_is() {
    let scene = PromotedImage::new();
    let key = format!("--signing-key={}", fixture("p256.pem").display());
    let verifier = format!("--verifier-id={}", super::VERIFIER);
    for (round, time) in ["1764000000", "1764086400"].into_iter().enumerate() {
        scene.production.forget_requests();
        let mut command = scene.dir.command();
        command.env("SOURCE_DATE_EPOCH", time);
        let command = command.args(["attest", &key, &verifier]);
        Run::of(command.output().unwrap()).exits(0);
        assert_eq!(scene.writes().is_empty(), round == 1, "{time}");
    }
}

#[test]
fn bundles_lie_beside_bundles() {
    let scene = PromotedImage::new();
    scene
        .sign(&["--layout=bundle"])
        .exits(0)
        .says("hides the signatures");
    for kind in [VSA, PROMOTION] {
        scene.finds(kind, "promote.pub").exits(0);
    }
    scene.production.forget_requests();
    scene.sign(&["--layout=bundle"]).exits(0);
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn inputs_are_what_the_verifier_opened() {
    let scene = PromotedImage::new();
    let universe = &scene.universe;
    universe.registry.forget_requests();
    let dir = Workdir::new();
    scene.verify(&dir, &[]).exits(0);
    let manifest = universe
        .registry
        .manifest("acme/staging", &universe.image.digest);
    let manifest = manifest.or_else(|| {
        universe
            .registry
            .manifest(&universe.image.repository, &universe.image.digest)
    });
    let manifest: Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
    let own = manifest.to_string();
    let requests = universe.registry.requests();
    let blobs = requests
        .iter()
        .filter(|one| one.method == "GET" && one.path.contains("/blobs/"));
    let mut opened: Vec<_> = blobs
        .filter_map(|one| Some(one.path.rsplit_once("/blobs/")?.1.to_owned()))
        .filter(|digest| !own.contains(digest.as_str()))
        .collect();
    opened.sort();
    opened.dedup();
    let verified: Value = serde_json::from_str(&dir.read("verified.json")).unwrap();
    let mut listed: Vec<_> = verified["components"][0]["opened"]
        .as_array()
        .unwrap()
        .iter()
        .map(|digest| digest.as_str().unwrap().to_owned())
        .collect();
    listed.sort();
    assert_eq!(listed, opened);
    scene.sign(&["--out=copies"]).exits(0);
    let copies = std::fs::read_dir(scene.dir.path("copies")).unwrap();
    let vsa = copies
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with(".vsa.json"));
    let vsa: Value = serde_json::from_slice(&std::fs::read(vsa.unwrap()).unwrap()).unwrap();
    let inputs = vsa["predicate"]["inputAttestations"].as_array().unwrap();
    let mut inputs: Vec<_> = inputs
        .iter()
        .map(|input| format!("sha256:{}", input["digest"]["sha256"].as_str().unwrap()))
        .collect();
    inputs.sort();
    assert_eq!(inputs, opened);
}

#[test]
fn refuses_a_key_that_signs_images() {
    let scene = PromotedImage::new();
    // The image key itself is not in a file; a verdict that names ours is in its place.
    let ours = std::fs::read_to_string(fixture("p256.pub")).unwrap();
    let text = scene.dir.read("verified.json");
    let mut verified: Value = serde_json::from_str(&text).unwrap();
    verified["key"] = ours.into();
    let changed = verified.to_string();
    let mut promoted: Value = serde_json::from_str(&scene.dir.read("promoted.json")).unwrap();
    promoted["verifiedDigest"] = sha256(&changed).into();
    scene.dir.write("verified.json", changed);
    scene.dir.write("promoted.json", promoted.to_string());
    scene.sign(&[]).exits(2).says("signs images");
    assert_eq!(scene.writes(), [""; 0]);
    scene.attest(&[]).exits(0);
}

#[test]
fn refuses_files_that_do_not_belong_together() {
    let scene = PromotedImage::new();
    let report = scene.dir.read("report.json");
    scene
        .dir
        .write("report.json", report.replacen('{', "{ ", 1));
    scene.attest(&[]).exits(4).says("report.json");
    std::fs::remove_file(scene.dir.path("report.json")).unwrap();
    scene.attest(&[]).exits(3).says("report.json");
    scene.dir.write("report.json", report);
    let other = format!("--promoted-digest=sha256:{}", "0".repeat(64));
    scene.attest(&[&other]).exits(4).says("promoted.json");
    scene
        .attest(&["--statements=vsa"])
        .exits(2)
        .says("no key is given");
    let key = format!("--signing-key={}", fixture("p256.pem").display());
    scene.attest(&[&key]).exits(2).says("--verifier-id");
    assert_eq!(scene.writes(), [""; 0]);
    scene.attest(&[]).exits(0);
}

fn sha256(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// The statements that hold for the image, by predicate type.
fn held(scene: &PromotedImage) -> Vec<(&'static str, usize)> {
    let layers = scene.att_layers();
    [VSA, PROMOTION]
        .into_iter()
        .map(|kind| {
            let of = layers
                .iter()
                .filter(|layer| layer["annotations"]["predicateType"] == kind);
            (kind, of.count())
        })
        .collect()
}

#[test]
fn a_run_that_is_killed_after_any_write_leaves_the_same_set() {
    let scene = PromotedImage::new();
    let saved = scene.production.save();
    let (count, at) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (hit, go) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let hook = (count.clone(), at.clone(), hit.clone(), go.clone());
    scene.production.after_each_write(move || {
        let (count, at, hit, go) = &hook;
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        if number == at.load(Ordering::SeqCst) {
            hit.store(true, Ordering::SeqCst);
            while !go.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    scene.sign(&[]).exits(0);
    let writes = count.load(Ordering::SeqCst);
    assert!(writes >= 4, "{writes}");
    let expected = held(&scene);
    assert_eq!(expected, [(VSA, 1), (PROMOTION, 1)]);
    let key = format!("--signing-key={}", fixture("p256.pem").display());
    let verifier = format!("--verifier-id={}", super::VERIFIER);
    for number in 1..=writes {
        scene.production.restore(saved.clone());
        count.store(0, Ordering::SeqCst);
        at.store(number, Ordering::SeqCst);
        hit.store(false, Ordering::SeqCst);
        go.store(false, Ordering::SeqCst);
        let mut command = scene.dir.command();
        let command = command.args(["attest", &key, &verifier]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !hit.load(Ordering::SeqCst) && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        at.store(0, Ordering::SeqCst);
        go.store(true, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        scene.sign(&[]).exits(0);
        assert_eq!(
            held(&scene),
            expected,
            "killed after write {number} of {writes}"
        );
        scene.finds(PROMOTION, "promote.pub").exits(0);
    }
}

#[test]
fn a_strangers_layers_stay_when_statements_are_appended() {
    let scene = PromotedImage::new();
    let key = signer::Key::generate().unwrap();
    let statement = signer::statement(
        &scene.universe.image,
        "https://x.example/other",
        &serde_json::json!({}),
    );
    let mut layers = scene.att_layers().len();
    let image = signer::Image {
        repository: "acme/web".to_owned(),
        ..scene.universe.image.clone()
    };
    signer::attest(&scene.production, &image, &key, &[statement]).unwrap();
    layers = layers.min(1);
    scene.sign(&[]).exits(0);
    assert_eq!(scene.att_layers().len(), layers + 2);
    let public = public(&scene.dir, "stranger.pub", &key);
    scene.finds("https://x.example/other", &public).exits(0);
}
