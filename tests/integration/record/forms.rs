//! Forms of images and keys: an index, an image that is signed but not attested, a key in a Secret, and what rules open.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    kube::{Cluster, NAMESPACE},
    registry::{Options, Server},
    signer::{self, Image},
    universe::{STAGING, Universe},
};
use serde_json::{Value, json};

use super::{PROMOTION, PromotedImage, VSA, fixture};
use crate::harness::{Run, Workdir};

/// The stable name of a policy that has none of its own.
const POLICY: &str = "--policy-uri=https://acme.example/policy";

/// A policy that passes every image.
const RULE: &str = "package release

import rego.v1

# METADATA
# title: Attested
# description: There is an attestation.
# custom:
#   short_name: attested
deny contains result if {
	count(input.attestations) == 0
	result := {\"code\": \"release.attested\", \"msg\": \"no attestation\"}
}
";
/// No policy, for an image that nothing attests.
const UNATTESTED: [&str; 3] = [
    "--policy={\"sources\":[]}",
    "--allow-empty-policy",
    "--allow-unattested",
];

/// Verifies an image by its digest, and copies it to production.
fn promoted(scene: &PromotedImage, image: &Image, flags: &[&str]) {
    scene.dir.write("policy/release.rego", RULE);
    let registry = scene.universe.registry.address();
    let reference = format!("--image={registry}/{}@{}", image.repository, image.digest);
    let key = format!("--public-key={}", scene.universe.public_key().display());
    let own = [
        "verify-ec",
        &reference,
        &key,
        "--ignore-rekor",
        "--output=json=report.json",
    ];
    scene.dir.promote(&[&own, flags].concat()).exits(0);
    let to = format!("--to={}", scene.repository());
    scene
        .dir
        .promote(&["copy-image", "--tag=prod-v1.0", &to])
        .exits(0);
    scene.production.forget_requests();
}

fn bare() -> PromotedImage {
    let scene = PromotedImage {
        universe: Universe::new().unwrap(),
        dir: Workdir::new(),
        production: Server::start(Options::default()).unwrap(),
    };
    let key = fs::read_to_string(fixture("p256.pub")).unwrap();
    scene.dir.write("promote.pub", key);
    scene
}

/// The statements that `--out` left, by the digest of their subject.
fn copies(dir: &Path, kind: &str) -> Vec<(String, Value)> {
    let files = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let end = format!(".{kind}.json");
    let statements = files.filter(|path| path.to_string_lossy().ends_with(&end));
    let mut found: Vec<_> = statements
        .map(|path| {
            let statement: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            let digest = statement["subject"][0]["digest"]["sha256"]
                .as_str()
                .unwrap();
            (format!("sha256:{digest}"), statement)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_platform_of_an_index_has_a_summary() {
    let scene = bare();
    let universe = &scene.universe;
    let registry = &universe.registry;
    let platform = |seed: &str| signer::push_image(registry, STAGING, seed, seed, 1).unwrap();
    let (amd64, arm64) = (platform("amd64"), platform("arm64"));
    let builder = platform("attestation-of-a-builder");
    let of = |image: &Image, os: &str, architecture: &str| {
        let mut entry = image.descriptor();
        entry["platform"] = json!({"os": os, "architecture": architecture});
        entry
    };
    let manifests = [
        of(&amd64, "linux", "amd64"),
        of(&arm64, "linux", "arm64"),
        of(&builder, "unknown", "unknown"),
    ];
    let index = signer::push_index_of(registry, STAGING, "index", &manifests);
    for image in [&index, &amd64, &arm64, &builder] {
        universe.sign_and_attest_image(image).unwrap();
    }
    promoted(&scene, &index, &["--policy=policy"]);
    scene.sign(&["--out=copies", POLICY]).exits(0);
    let summaries = copies(&scene.dir.path("copies"), "vsa");
    let mut expected = [&index, &amd64, &arm64].map(|image| image.digest.clone());
    expected.sort();
    let about: Vec<_> = summaries.iter().map(|(digest, _)| digest.clone()).collect();
    assert_eq!(
        about, expected,
        "the index and each platform, nothing of a builder"
    );
    for (digest, summary) in &summaries {
        let place = format!("{}@{digest}", scene.repository());
        assert_eq!(summary["predicate"]["resourceUri"], place);
        assert_eq!(summary["subject"][0]["name"], scene.repository());
        let inputs = summary["predicate"]["inputAttestations"]
            .as_array()
            .unwrap();
        assert!(!inputs.is_empty());
    }
    // The promotion is one: that of the index.
    let promotions = copies(&scene.dir.path("copies"), "promotion");
    assert_eq!(promotions.len(), 1);
    assert_eq!(promotions[0].0, index.digest);
    let verify = |digest: &str, kind: &str| {
        scene.dir.promote(&[
            "trust",
            "verify",
            &format!("{}@{digest}", scene.repository()),
            "--kind=attestation",
            &format!("--type={kind}"),
            "--public-key=promote.pub",
            "--ignore-rekor",
        ])
    };
    for digest in &expected {
        verify(digest, VSA).exits(0);
    }
    verify(&index.digest, PROMOTION).exits(0);
    verify(&builder.digest, VSA).exits(4);
    verify(&amd64.digest, PROMOTION).exits(4);
    scene.production.forget_requests();
    scene.sign(&[POLICY]).exits(0);
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn an_image_with_a_signature_alone_takes_no_more_than_twelve_requests() {
    let scene = bare();
    scene.universe.sign(&scene.universe.key).unwrap();
    let image = scene.universe.image.clone();
    promoted(&scene, &image, &UNATTESTED);
    scene.sign(&[POLICY]).exits(0);
    let requests = scene.production.requests();
    assert!(requests.len() <= 12, "{}: {requests:#?}", requests.len());
    // The gate says of the promoted image what it said before: what promotions leave behind attests no build.
    let key = format!("--public-key={}", scene.universe.public_key().display());
    let again = |flags: &[&str]| {
        let image = format!("--image={}", scene.image());
        let own = [
            "verify-ec",
            &image,
            "--policy={\"sources\":[]}",
            "--allow-empty-policy",
            &key,
            "--ignore-rekor",
            "--data-dir=again",
        ];
        fs::create_dir_all(scene.dir.path("again")).unwrap();
        scene.dir.promote(&[&own, flags].concat())
    };
    again(&["--allow-unattested"]).exits(0);
    again(&[]).exits(4);
    // They are beside the signature, which is found as before.
    assert_eq!(scene.att_layers().len(), 2);
    for kind in [VSA, PROMOTION] {
        scene.finds(kind, "promote.pub").exits(0);
    }
    // A copy without the signature: the layout follows what is there.
    let elsewhere = bare();
    elsewhere.universe.sign(&elsewhere.universe.key).unwrap();
    let image = elsewhere.universe.image.clone();
    promoted(&elsewhere, &image, &UNATTESTED);
    let other = Server::start(Options::default()).unwrap();
    let to = format!("--to={}/acme/web", other.address());
    elsewhere
        .dir
        .promote(&["copy-image", "--tag=prod-v1.0", &to, "--attached=none"])
        .exits(0);
    elsewhere
        .sign(&[POLICY])
        .exits(0)
        .prints("(bundle, written)");
    // Another attestation by a stranger is refused, also by who does without one.
    let stranger = signer::Key::generate().unwrap();
    let of = Image {
        repository: "acme/web".to_owned(),
        ..scene.universe.image.clone()
    };
    let statement = signer::provenance(&of, "https://git.invalid/x", &scene.universe.commit);
    signer::attest(&scene.production, &of, &stranger, &[statement]).unwrap();
    again(&["--allow-unattested"]).exits(4);
}

#[test]
fn a_key_in_a_secret_signs() {
    let scene = PromotedImage::new();
    let cluster = Cluster::start().unwrap();
    let kubeconfig = scene.dir.write("kubeconfig", cluster.kubeconfig());
    let secret = |password: &str, key: &str| {
        let entry = |name: &str| STANDARD.encode(fs::read(fixture(name)).unwrap());
        json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"namespace": NAMESPACE, "name": "promote-key"},
            "data": {key: entry("cosign.key"), "cosign.pub": entry("cosign.pub"),
                "cosign.password": STANDARD.encode(password)}})
    };
    let sign = |reference: &str| {
        let key = format!("--signing-key={reference}");
        let verifier = format!("--verifier-id={}", super::VERIFIER);
        let mut command = scene.dir.command();
        command.env("KUBECONFIG", &kubeconfig);
        Run::of(command.args(["attest", &key, &verifier]).output().unwrap())
    };
    let named = format!("k8s://{NAMESPACE}/promote-key");
    cluster.put(secret("correct-horse", "cosign.key"));
    sign(&named).exits(2).says("promote-key");
    cluster.allow("get secrets");
    sign("k8s://none").exits(3).says("none");
    cluster.put(secret("correct-horse", "other.key"));
    sign(&named).exits(3).says("cosign.key");
    cluster.put(secret("battery-staple", "cosign.key"));
    sign(&named).exits(2);
    assert_eq!(scene.writes(), [""; 0]);
    cluster.put(secret("correct-horse", "cosign.key"));
    sign(&named).exits(0).prints("promotion");
    let public = fixture("cosign.pub").display().to_string();
    for kind in [VSA, PROMOTION] {
        scene.finds(kind, &public).exits(0);
        scene.finds(kind, "promote.pub").exits(4);
    }
    // Without a namespace it is that of the account; the same key finds its own work.
    scene.production.forget_requests();
    sign("k8s://promote-key").exits(0).prints("present");
    assert_eq!(scene.writes(), [""; 0]);
    assert!(cluster.refused().is_empty(), "{:?}", cluster.refused());
}

#[test]
fn inputs_name_what_the_rules_of_the_policy_opened() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let registry = &universe.registry;
    let base = signer::push_image(registry, "acme/base", "v1", "base", 1).unwrap();
    signer::sign(registry, &base, &universe.key).unwrap();
    let statement = signer::provenance(&base, "https://git.invalid/base", &universe.commit);
    signer::attest(registry, &base, &universe.key, &[statement]).unwrap();
    let notes = registry.put_blob(STAGING, b"{\"notes\": []}");
    let at = registry.address();
    let options = json!({"public_key": universe.key.public_pem(), "ignore_rekor": true,
        "certificate_identity": "", "certificate_identity_regexp": "", "certificate_oidc_issuer": "",
        "certificate_oidc_issuer_regexp": "", "rekor_url": ""});
    let rule = format!(
        r#"package extra

import rego.v1

# METADATA
# title: Notes
# description: Opens a document and the attestations of another image.
# custom:
#   short_name: notes
deny contains result if {{
	not opened
	result := {{"code": "extra.notes", "msg": "something could not be opened"}}
}}

opened if {{
	document := json.unmarshal(ec.oci.blob("{at}/{STAGING}@{notes}"))
	document.notes == []
	found := ec.sigstore.verify_attestation("{at}/acme/base@{base}", {options})
	found.success
}}
"#,
        base = base.digest
    );
    universe
        .set_policy(&[("release/extra.rego", rule.as_str())])
        .unwrap();
    registry.forget_requests();
    let scene = PromotedImage {
        universe,
        dir: Workdir::new(),
        production: Server::start(Options::default()).unwrap(),
    };
    scene.verify(&scene.dir, &[]).exits(0);
    let registry = &scene.universe.registry;
    let own = [&scene.universe.image, &base]
        .map(|image| registry.manifest(&image.repository, &image.digest).unwrap());
    let own = own.map(|manifest| String::from_utf8(manifest.to_vec()).unwrap());
    let requests = registry.requests();
    let blobs = requests.iter().filter(|one| one.method == "GET");
    let opened: BTreeSet<_> = blobs
        .filter_map(|one| Some(one.path.rsplit_once("/blobs/")?.1.to_owned()))
        .filter(|digest| {
            own.iter()
                .all(|manifest| !manifest.contains(digest.as_str()))
        })
        .collect();
    assert!(opened.contains(&notes), "{opened:#?}");
    let verified: Value = serde_json::from_str(&scene.dir.read("verified.json")).unwrap();
    let listed = verified["components"][0]["opened"].as_array().unwrap();
    let listed: BTreeSet<_> = listed
        .iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, opened);
    let to = format!("--to={}", scene.repository());
    scene
        .dir
        .promote(&["copy-image", "--tag=prod-v1.0", &to])
        .exits(0);
    scene.sign(&["--out=copies"]).exits(0);
    let summaries = copies(&scene.dir.path("copies"), "vsa");
    let inputs = summaries[0].1["predicate"]["inputAttestations"]
        .as_array()
        .unwrap();
    let inputs = inputs
        .iter()
        .map(|input| input["digest"]["sha256"].as_str().unwrap());
    let inputs: BTreeSet<_> = inputs.map(|hex| format!("sha256:{hex}")).collect();
    assert_eq!(inputs, opened);
}
