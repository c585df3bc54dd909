//! Content that is there and is not understood, or is over a limit: refused where a selected rule looks.

use lab::{
    registry::{Effect, Fault},
    signer::Image,
    universe::STAGING,
};
use serde_json::{Value, json};

use super::{CONFIG, FACTS, FactImage, Front, INDEX, LAYER, MANIFEST, tar};

#[test]
fn a_configuration_that_is_not_understood_is_refused_where_a_rule_looks() {
    let fact = &FACTS[0];
    let scene = FactImage::new(fact);
    let registry = &scene.universe.registry;
    for config in [
        "[]",
        "{\"config\": {\"Labels\": {}, \"Labels\": {\"bad\": \"1\"}}}",
        "{\"config\": {}, \"Config\": {\"Labels\": {\"bad\": \"1\"}}}",
    ] {
        let digest = registry.put_blob(STAGING, config.as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()},
        });
        let image = scene.signed(&manifest);
        let reference = format!("{}@{}", scene.universe.staging(), image.digest);
        for (policy, code) in [("looks.yaml", 4), ("spared.yaml", 0)] {
            scene
                .dir
                .promote(&[
                    "verify-ec",
                    "--image",
                    &reference,
                    "--policy",
                    policy,
                    "--public-key=cosign.pub",
                    "--ignore-rekor",
                ])
                .exits(code)
                .says("is not usable");
        }
    }
}

/// An image whose layer is described so; nothing but the operator's files refers to it.
fn with_layer(scene: &FactImage, layer: &Value) -> Image {
    let registry = &scene.universe.registry;
    let label = "operators.operatorframework.io.bundle.manifests.v1";
    let config = json!({"config": {"Labels": {label: "manifests/"}}}).to_string();
    let digest = registry.put_blob(STAGING, config.as_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
        "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()},
    });
    scene.signed(&manifest)
}

#[test]
fn a_layer_of_unknown_compression_cut_damaged_or_over_the_limit_is_refused_where_a_rule_looks() {
    let fact = FACTS.iter().find(|fact| fact.name == "files").unwrap();
    let mut scene = FactImage::new(fact);
    let good = tar("manifests/csv.yaml", b"kind: Good\n");
    let xz = [&b"\xfd7zXZ\0"[..], &[7; 600]].concat();
    let bzip = [&b"BZh91AY&SY"[..], &[7; 600]].concat();
    let mut damaged = good.clone();
    damaged[0] ^= 1;
    let trailing = [&good[..], &[1; 512]].concat();
    for (name, content) in [
        ("xz", &xz[..]),
        ("bzip2", &bzip),
        ("cut", &good[..600]),
        ("empty", b""),
        ("damaged", &damaged),
        ("trailing", &trailing),
        ("large", &good),
    ] {
        let digest = scene.universe.registry.put_blob(STAGING, content);
        let size = match name {
            "large" => 1 << 40,
            _ => content.len(),
        };
        let layer = json!({"mediaType": LAYER, "digest": digest, "size": size});
        scene.image = with_layer(&scene, &layer);
        for front in [Front::VerifyEc, Front::Compat, Front::Ec] {
            let code = if front == Front::Ec { 1 } else { 4 };
            let run = scene.run(front, "looks.yaml");
            assert_eq!(run.code, code, "{name} {front:?}: {}", run.stderr);
            assert!(front == Front::Ec || !scene.passed(), "{name}");
            let run = scene.run(front, "spared.yaml").exits(0);
            run.says("no selected rule uses it");
        }
    }
}

#[test]
fn a_list_of_referrers_that_is_not_understood_is_a_registry_that_failed_and_a_long_one_is_refused()
{
    let fact = FACTS.iter().find(|fact| fact.name == "referrers").unwrap();
    let scene = FactImage::new(fact);
    let list = |count: usize| {
        let entry =
            |at: usize| json!({"mediaType": "t", "digest": format!("sha256:{at:064x}"), "size": 2});
        let entries: Vec<_> = (0..count).map(entry).collect();
        json!({"schemaVersion": 2, "manifests": entries})
            .to_string()
            .into_bytes()
    };
    for (what, body, looks) in [
        ("odd", b"{\"manifests\":7}".to_vec(), 5),
        ("long", list(10_001), 4),
        ("short", list(2), 0),
    ] {
        scene.universe.registry.heal();
        let fault = Fault::new(Effect::Body(body)).of_reads(scene.path(fact));
        scene.universe.registry.fail(fault);
        let run = scene.run(Front::VerifyEc, "looks.yaml");
        assert_eq!(run.code, looks, "{what}: {}", run.stderr);
        scene.run(Front::VerifyEc, "spared.yaml").exits(0);
    }
}

#[test]
fn a_blob_or_manifest_that_is_not_understood_or_over_a_limit_is_refused_where_a_rule_looks() {
    let named = |name: &str| FACTS.iter().find(|fact| fact.name == name).unwrap();
    for (name, content) in [
        ("parsed-blob", &b"{\"report\": "[..]),
        ("blob", b"\xff\xfe"),
        ("blob-files", b"\xfd7zXZ\0 and more"),
        ("manifest", b"[]"),
        (
            "manifest",
            b"{\"schemaVersion\":2,\"config\":{},\"Config\":{}}",
        ),
        ("index", b"{\"schemaVersion\":2,\"manifests\":7}"),
        ("large", b""),
    ] {
        let fact = named(if name == "large" { "blob" } else { name });
        let mut scene = FactImage::new(fact);
        let registry = &scene.universe.registry;
        let reference = match name {
            "large" => registry.put_zeros(STAGING, (128 << 20) + 1),
            "manifest" => registry.put_manifest(STAGING, None, MANIFEST, content),
            "index" => registry.put_manifest(STAGING, None, INDEX, content),
            _ => registry.put_blob(STAGING, content),
        };
        let part = scene
            .parts
            .iter_mut()
            .find(|(part, _)| *part == "reference");
        part.unwrap().1 = reference;
        scene.write(fact);
        let run = scene.run(Front::VerifyEc, "looks.yaml");
        assert_eq!(run.code, 4, "{name}: {}", run.stderr);
        assert!(!scene.passed(), "{name}");
        scene.run(Front::VerifyEc, "spared.yaml").exits(0);
    }
}
