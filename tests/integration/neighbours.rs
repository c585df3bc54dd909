//! Broken artifacts beside a good signature: verification and copy pass over it, name it,
//! and agree.

use lab::{
    registry::{Effect, Fault, Options, Server},
    signer::{self, Image, Key},
};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

const REPOSITORY: &str = "staging/app";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The digest of no bytes.
const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct SignedImage {
    registry: Server,
    image: Image,
    dir: Workdir,
}

impl SignedImage {
    /// An image with one good signature.
    fn new(referrers: bool) -> Self {
        let options = Options {
            referrers,
            ..Options::default()
        };
        let registry = Server::start(options).unwrap();
        let image = signer::push_image(&registry, REPOSITORY, "v1", "good", 1).unwrap();
        let key = Key::generate().unwrap();
        signer::sign(&registry, &image, &key).unwrap();
        let dir = Workdir::new();
        dir.write("key.pub", key.public_pem());
        Self {
            registry,
            image,
            dir,
        }
    }

    fn verify(&self) -> Run {
        let image = format!(
            "{}/{REPOSITORY}@{}",
            self.registry.address(),
            self.image.digest
        );
        let key = ["--public-key", "key.pub", "--ignore-rekor"];
        self.dir
            .promote(&[&["trust", "verify", image.as_str()], &key[..]].concat())
    }

    fn copy(&self, to: &Server) -> Run {
        let from = format!("{}/{REPOSITORY}:v1", self.registry.address());
        let to = format!("{}/prod/app:v1", to.address());
        self.dir
            .promote(&["copy-image", &from, &to, "--unverified"])
    }

    /// Both go on with the good signature, and both name what is broken.
    #[track_caller]
    fn passes(&self, named: &str) -> Server {
        let verified = self.verify().exits(0);
        // The report of `trust verify` is about signatures alone.
        if !named.ends_with("att") {
            assert!(verified.stdout.contains(named), "{}", verified.stdout);
        }
        let to = Server::start(Options::default()).unwrap();
        self.copy(&to).exits(0).says(named);
        let copied = to.manifest("prod/app", &self.image.attached_tag("sig"));
        assert!(copied.is_some(), "the signature was not copied");
        assert_eq!(
            to.tags().get("prod/app:v1"),
            Some(&self.image.digest),
            "the image was not copied"
        );
        to
    }

    fn signatures(&self) -> Value {
        let tag = self.image.attached_tag("sig");
        let bytes = self.registry.manifest(REPOSITORY, &tag).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn set_signatures(&self, document: &Value) {
        let tag = self.image.attached_tag("sig");
        let bytes = document.to_string();
        self.registry
            .put_manifest(REPOSITORY, Some(&tag), MANIFEST, bytes.as_bytes());
    }
}

#[test]
fn a_signature_whose_blob_is_gone() {
    let scene = SignedImage::new(true);
    let mut document = scene.signatures();
    let gone = format!("sha256:{}", "ab".repeat(32));
    let mut layer = document["layers"][0].clone();
    layer["digest"] = json!(gone);
    document["layers"].as_array_mut().unwrap().insert(0, layer);
    scene.set_signatures(&document);
    let to = scene.passes(&gone);
    let copied = to.manifest("prod/app", &scene.image.attached_tag("sig"));
    let copied: Value = serde_json::from_slice(&copied.unwrap()).unwrap();
    assert_eq!(copied["layers"].as_array().unwrap().len(), 1);
}

#[test]
fn a_bundle_whose_blob_is_gone() {
    let scene = SignedImage::new(true);
    let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let bundle = signer::push_referrer(&scene.registry, &scene.image, media_type, b"{ }").unwrap();
    let document = scene.registry.manifest(REPOSITORY, &bundle.digest).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    let blob = document["layers"][0]["digest"].as_str().unwrap();
    scene.registry.delete_blob(REPOSITORY, blob);
    scene.passes(blob);
}

#[test]
fn a_bundle_without_a_layer_or_with_a_layer_of_another_kind() {
    let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let odd = json!([{"mediaType": "text/plain", "digest": EMPTY, "size": 0}]);
    for (layers, reason) in [(json!([]), "has 0 layers"), (odd, "none of its layers")] {
        let scene = SignedImage::new(true);
        let kind = "text/plain";
        let good = signer::push_referrer(&scene.registry, &scene.image, kind, b"").unwrap();
        let document = scene.registry.manifest(REPOSITORY, &good.digest).unwrap();
        let mut document: Value = serde_json::from_slice(&document).unwrap();
        document["artifactType"] = json!(media_type);
        document["layers"] = layers;
        let bytes = document.to_string();
        scene
            .registry
            .put_manifest(REPOSITORY, None, MANIFEST, bytes.as_bytes());
        let verified = scene.verify().exits(0);
        assert!(verified.stdout.contains(reason), "{}", verified.stdout);
        let to = Server::start(Options::default()).unwrap();
        scene.copy(&to).exits(0);
    }
}

#[test]
fn a_signature_tag_with_null_layers_or_of_another_kind() {
    let scene = SignedImage::new(true);
    let good = scene.signatures();
    let attestations = scene.image.attached_tag("att");
    let put = |document: &Value, media_type: &str| {
        let bytes = document.to_string();
        let tag = Some(attestations.as_str());
        scene
            .registry
            .put_manifest(REPOSITORY, tag, media_type, bytes.as_bytes());
    };
    let artifact = "application/vnd.oci.artifact.manifest.v1+json";
    put(
        &json!({"mediaType": artifact, "artifactType": "x/y", "blobs": []}),
        artifact,
    );
    scene.passes(&attestations);
    put(&json!({"schemaVersion": 2, "layers": [7]}), MANIFEST);
    scene.passes(&attestations);
    let mut null = good;
    null["layers"] = Value::Null;
    put(&null, MANIFEST);
    scene.verify().exits(0);
}

#[test]
fn a_referrer_that_is_listed_and_gone_or_an_artifact_manifest() {
    for api in [true, false] {
        let scene = SignedImage::new(api);
        let gone = format!("sha256:{}", "cd".repeat(32));
        let artifact = "application/vnd.oci.artifact.manifest.v1+json";
        let body = json!({
            "mediaType": artifact, "artifactType": "application/vnd.cncf.notary.signature",
            "blobs": [], "subject": scene.image.descriptor(),
        });
        let body = body.to_string();
        let odd = scene
            .registry
            .put_manifest(REPOSITORY, None, artifact, body.as_bytes());
        if api {
            scene.passes(&odd);
            continue;
        }
        let entry = |digest: &str| json!({"mediaType": artifact, "digest": digest, "size": 2});
        let list = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [entry(&gone), entry(&odd), null, {"digest": "sha512:00"}],
        });
        let tag = scene.image.digest.replace(':', "-");
        let bytes = list.to_string();
        let media_type = "application/vnd.oci.image.index.v1+json";
        scene
            .registry
            .put_manifest(REPOSITORY, Some(&tag), media_type, bytes.as_bytes());
        for named in [gone.as_str(), &odd] {
            scene.passes(named);
        }
        for entry in ["ignored referrer 2", "ignored referrer 3"] {
            scene.verify().exits(0).says(entry);
        }
    }
}

#[test]
fn a_registry_that_fails_or_refuses_is_never_passed_over() {
    for status in [403, 500] {
        let scene = SignedImage::new(true);
        let document = scene.signatures();
        let blob = document["layers"][0]["digest"].as_str().unwrap().to_owned();
        scene
            .registry
            .fail(Fault::new(Effect::Status(status)).of("GET", &blob));
        let to = Server::start(Options::default()).unwrap();
        for run in [scene.verify(), scene.copy(&to)] {
            assert!([2, 5].contains(&run.code), "{}: {}", run.code, run.stderr);
        }
        assert!(to.tags().is_empty());
    }
}

#[test]
fn how_a_registry_answers_for_referrers_decides() {
    let (index, referrers) = ("application/vnd.oci.image.index.v1+json", "/referrers/");
    for (status, list, passes) in [
        (400, false, true),
        (404, false, true),
        (405, false, true),
        (501, false, true),
        (401, true, true),
        (403, true, true),
        (403, false, false),
        (500, true, false),
    ] {
        let scene = SignedImage::new(true);
        if list {
            let tag = scene.image.digest.replace(':', "-");
            let empty = br#"{"schemaVersion":2,"manifests":null}"#;
            scene
                .registry
                .put_manifest(REPOSITORY, Some(&tag), index, empty);
        }
        let fault = Fault::new(Effect::Status(status));
        scene.registry.fail(fault.of("GET", referrers));
        let run = scene.verify();
        assert_eq!(run.code == 0, passes, "{status}: {}", run.stderr);
    }
    for (body, passes) in [
        (r#"{"manifests":[]}"#, true),
        (r#"{"manifests":null,"annotations":null}"#, true),
        ("{}", false),
        ("<html>", false),
        (r#"{"manifests":[],"Manifests":[]}"#, false),
    ] {
        let scene = SignedImage::new(true);
        let fault = Fault::new(Effect::Body(body.as_bytes().to_vec()));
        scene.registry.fail(fault.of("GET", referrers));
        let run = scene.verify();
        assert_eq!(
            run.code,
            if passes { 0 } else { 5 },
            "{body}: {}",
            run.stderr
        );
    }
}

#[test]
fn the_index_of_a_build_cache_is_copied() {
    let registry = Server::start(Options::default()).unwrap();
    let blob = |content: &str, media_type: &str| {
        let digest = registry.put_blob(REPOSITORY, content.as_bytes());
        json!({"mediaType": media_type, "digest": digest, "size": content.len()})
    };
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            blob("layer", "application/vnd.oci.image.layer.v1.tar+gzip"),
            blob("{}", "application/vnd.buildkit.cacheconfig.v0"),
        ],
    });
    let (bytes, kind) = (index.to_string(), "application/vnd.oci.image.index.v1+json");
    let digest = registry.put_manifest(REPOSITORY, Some("cache"), kind, bytes.as_bytes());
    let (dir, to) = (Workdir::new(), Workdir::new());
    let from = format!("{}/{REPOSITORY}:cache", registry.address());
    let target = format!("oci:{}:cache", to.path("layout").display());
    dir.promote(&["copy-image", &from, &target, "--unverified"])
        .exits(0);
    let hexes = [
        digest.as_str(),
        index["manifests"][0]["digest"].as_str().unwrap(),
    ];
    for hex in hexes.map(|digest| digest.trim_start_matches("sha256:")) {
        assert!(to.exists(&format!("layout/blobs/sha256/{hex}")), "{hex}");
    }
}

#[test]
fn a_layout_whose_manifest_has_no_media_type_and_an_odd_one_beside_it() {
    let dir = Workdir::new();
    let put = |content: &str| {
        let registry = Server::start(Options::default()).unwrap();
        let digest = registry.put_blob("x", content.as_bytes());
        let hex = digest.trim_start_matches("sha256:");
        std::fs::create_dir_all(dir.path("layout/blobs/sha256")).unwrap();
        dir.write(&format!("layout/blobs/sha256/{hex}"), content);
        json!({"mediaType": "t", "digest": digest, "size": content.len()})
    };
    let image = json!({"schemaVersion": 2, "config": put("{}"), "layers": null});
    let mut entry = put(&image.to_string());
    entry["mediaType"] = json!(MANIFEST);
    let mut odd =
        put(r#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]}"#);
    odd["mediaType"] = json!("application/vnd.oci.artifact.manifest.v1+json");
    let index = json!({"schemaVersion": 2, "manifests": [entry, odd]});
    dir.write("layout/index.json", index.to_string());
    dir.write("layout/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    let to = Server::start(Options::default()).unwrap();
    let target = format!("{}/prod/app:v1", to.address());
    let run = dir.promote(&["copy-image", "oci:layout", &target, "--unverified"]);
    run.exits(0).says("artifact manifest");
    let copied = to.tags().get("prod/app:v1").cloned();
    assert_eq!(copied.as_deref(), entry["digest"].as_str());
}
