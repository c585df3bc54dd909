//! The readers of the record: the edit of a deployment, the gate of the next environment, `run`.

use lab::universe::{COMPONENT, PATCH, Universe};

use super::{PROMOTION, PromotedImage, VERIFIER, VSA, fixture, writes};
use crate::{
    chain,
    harness::{Run, Workdir},
};

fn deploy(scene: &PromotedImage, flags: &[&str]) -> Run {
    let gitops = format!("--gitops-repo-url={}", scene.universe.gitops_url());
    let credentials = format!(
        "--git-credentials-dir={}",
        scene.universe.credentials().display()
    );
    let own = [
        "update-deployment",
        &gitops,
        &credentials,
        "--dry-run",
        "--adopt",
    ];
    scene.dir.promote(&[&own, flags].concat())
}

#[test]
fn an_edit_may_demand_the_promotion() {
    let scene = PromotedImage::new();
    let trust = scene.trust("prod");
    deploy(&scene, &[]).exits(0);
    deploy(&scene, &[&trust])
        .exits(4)
        .says("no accepted promotion to prod");
    scene.sign(&[]).exits(0);
    deploy(&scene, &[&trust]).exits(0);
    // The text of the file in place of its name, as a Pipeline passes it.
    let text = scene.dir.read("trust-prod.yaml");
    deploy(&scene, &[&format!("--require-attestation={text}")]).exits(0);
}

#[test]
fn another_environment_destination_verifier_or_time_is_refused() {
    let scene = PromotedImage::new();
    scene.sign(&["--environment=stage"]).exits(0);
    // Promoted for stage: not for production.
    deploy(&scene, &[&scene.trust("prod")])
        .exits(4)
        .says("environment is stage");
    // The verifier is trusted for stage alone.
    deploy(&scene, &[&scene.trust("stage")])
        .exits(4)
        .says("no verifier for prod");
    scene
        .sign(&["--verifier-id=https://other.example/promote"])
        .exits(0);
    deploy(&scene, &[&scene.trust("prod")])
        .exits(4)
        .says("expected https://acme.example/promote");

    let scene = PromotedImage::new();
    // The fixed clock of the tests is long past.
    scene.sign(&["--valid-for=1h"]).exits(0);
    deploy(&scene, &[&scene.trust("prod")])
        .exits(4)
        .says("expired");
    let old = scene
        .dir
        .read("trust-prod.yaml")
        .replace("environments", "maxAge: 1h\n  environments");
    scene.dir.write("old.yaml", old);
    scene.sign(&[]).exits(0);
    deploy(&scene, &["--require-attestation=old.yaml"])
        .exits(4)
        .says("older than");
    deploy(&scene, &[&scene.trust("prod")]).exits(0);
}

#[test]
fn a_statement_about_another_place_or_with_one_other_bit_is_refused() {
    let scene = PromotedImage::new();
    scene.sign(&[]).exits(0);
    // The whole repository under another name: the statement is about the first.
    let elsewhere = format!("{}/acme/copy", scene.production.address());
    scene
        .dir
        .promote(&[
            "copy-image",
            &scene.image(),
            &format!("{elsewhere}:prod-v1.0"),
            "--unverified",
        ])
        .exits(0);
    let image = format!(
        "--image={COMPONENT}={elsewhere}:prod-v1.0@{}",
        scene.universe.image.digest
    );
    let trust = scene.trust("prod");
    deploy(&scene, &[&trust, &image, "--unverified"])
        .exits(4)
        .says("destination is");
    let here = format!(
        "--image={COMPONENT}={}:prod-v1.0@{}",
        scene.repository(),
        scene.universe.image.digest
    );
    deploy(&scene, &[&trust, &here, "--unverified"]).exits(0);
    let other_tag = here.replace("prod-v1.0", "prod-v2.0");
    deploy(&scene, &[&trust, &other_tag, "--unverified"])
        .exits(4)
        .says("it does not list the tag");
    // Each statement in turn with one bit changed.
    let image = lab::signer::Image {
        repository: "acme/web".to_owned(),
        ..scene.universe.image.clone()
    };
    let tag = image.attached_tag("att");
    let bytes = scene.production.manifest("acme/web", &tag).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let layers = manifest["layers"].as_array_mut().unwrap();
    let layer = layers
        .iter_mut()
        .find(|layer| layer["annotations"]["predicateType"] == PROMOTION)
        .unwrap();
    let digest = layer["digest"].as_str().unwrap();
    let text = String::from_utf8(scene.production.blob("acme/web", digest).unwrap()).unwrap();
    let mut envelope: serde_json::Value = serde_json::from_str(&text).unwrap();
    let payload = envelope["payload"].as_str().unwrap().to_owned();
    let middle = payload.len() / 2;
    let other = if payload.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    let mut changed = payload.clone();
    changed.replace_range(middle..=middle, other);
    envelope["payload"] = changed.into();
    let blob = envelope.to_string();
    layer["size"] = blob.len().into();
    layer["digest"] = scene
        .production
        .put_blob("acme/web", blob.as_bytes())
        .into();
    let text = manifest.to_string();
    scene.production.put_manifest(
        "acme/web",
        Some(&tag),
        lab::signer::MANIFEST,
        text.as_bytes(),
    );
    deploy(&scene, &[&trust]).exits(4);
    scene.finds(VSA, "promote.pub").exits(0);
    scene.finds(PROMOTION, "promote.pub").exits(4);
}

#[test]
fn the_promotion_to_one_environment_is_the_ticket_of_the_next() {
    let scene = PromotedImage::new();
    let dir = Workdir::new();
    let key = format!("--public-key={}", scene.universe.public_key().display());
    let image = format!("--image={}", scene.image());
    let _ = scene.trust("stage");
    let trust = format!(
        "--promotion-trust={}",
        scene.dir.path("trust-stage.yaml").display()
    );
    let verify = |flags: &[&str]| {
        let own = [
            "verify-ec",
            &image,
            "--policy={\"sources\":[]}",
            "--allow-empty-policy",
            &key,
            "--ignore-rekor",
        ];
        dir.promote(&[&own, flags].concat())
    };
    verify(&[]).exits(0);
    verify(&["--require-promotion=stage"]).exits(2);
    verify(&["--require-promotion=stage", &trust])
        .exits(4)
        .says("no accepted promotion to stage");
    assert!(!dir.exists("verified.json"));
    scene.sign(&["--environment=stage"]).exits(0);
    verify(&["--require-promotion=stage", &trust]).exits(0);
    verify(&["--require-promotion=stage", &trust, "--min-age=24h"]).exits(0);
    verify(&["--require-promotion=stage", &trust, "--min-age=1000000h"])
        .exits(4)
        .says("expected at least");
}

fn run(universe: &Universe, dir: &Workdir, flags: &[&str]) -> Run {
    chain::run(universe, dir, &[&["--results-dir=results"], flags].concat())
}

#[test]
fn a_run_leaves_its_record_and_names_it_in_the_commit() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let dir = Workdir::new();
    let key = format!("--set=attest.signing-key={}", fixture("p256.pem").display());
    let verifier = format!("--set=attest.verifier-id={VERIFIER}");
    let trust = dir.write(
        "trust.yaml",
        format!(
            "verifiers:\n- {{id: {VERIFIER}, publicKey: {}, environments: [prod]}}\n",
            fixture("p256.pub").display()
        ),
    );
    let trust = format!(
        "--set=update-deployment.require-attestation={}",
        trust.display()
    );
    let flags = [
        key.as_str(),
        &verifier,
        &trust,
        "--set=update-deployment.run-url=https://ci.example/run/9",
    ];
    run(&universe, &dir, &flags).exits(0);
    let evidence = dir.read("results/EVIDENCE_DIGEST");
    let gitops = universe.gitops().unwrap();
    let message = gitops
        .git(&["log", "-1", "--format=%B", "main"], None)
        .unwrap();
    assert!(
        message.contains(&format!("Evidence: {COMPONENT} {evidence}")),
        "{message}"
    );
    assert!(
        message.contains("Pipeline-Run: https://ci.example/run/9"),
        "{message}"
    );
    assert!(gitops.read("main", PATCH).unwrap().contains("prod-v1.0"));
    // The record was there before the tag: the last manifest that was written is the tag's.
    let writes_of = writes(&universe.registry);
    let manifests: Vec<_> = writes_of
        .iter()
        .filter(|one| one.contains("/manifests/"))
        .collect();
    assert!(
        manifests.last().unwrap().ends_with("/manifests/prod-v1.0"),
        "{manifests:#?}"
    );
    let url = format!("--gitops-repo-url={}", universe.gitops_url());
    let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
    let image = format!("{}:prod-v1.0", universe.production());
    dir.promote(&["why", &image, &url, &credentials])
        .exits(0)
        .prints("promoted to prod")
        .prints("deployed by commit")
        .prints("https://ci.example/run/9");
    // The same digest to the same environment: nothing is written.
    universe.registry.forget_requests();
    run(&universe, &dir, &flags)
        .exits(0)
        .says("nothing is attested again");
    assert_eq!(writes(&universe.registry), [""; 0]);
    // Switched off by name.
    let other = Universe::new().unwrap();
    other.sign_and_attest().unwrap();
    let dir = Workdir::new();
    run(&other, &dir, &["--set=attest.statements=none"]).exits(0);
    dir.promote(&["why", &format!("{}:prod-v1.0", other.production())])
        .exits(3);
}
