//! Evidence and policies that cannot be read: candidates, lists of referrers, policy and data
//! sources under every fault. Each has its twin: something good beside it, or the same without the fault.

use lab::{
    registry::{Effect, Fault},
    universe::STAGING,
};
use serde_json::{Value, json};

use crate::harness::Scene;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// A rule that refuses an image with the label `forbidden`.
pub(crate) const RULE: &str = r#"package main

import rego.v1

# METADATA
# title: Label
# custom:
#   short_name: label
deny contains result if {
	input.image.config.Labels.forbidden
	result := {"code": "main.label", "msg": "no"}
}
"#;

/// Returns a signed and attested image with a policy in two forms.
fn scene_with_rule() -> Scene {
    Scene::attested()
        .file("policy/label.rego", RULE)
        .file("ec.yaml", "sources: [{policy: [./policy]}]\n")
}

impl Scene {
    /// Runs all fronts and asserts the code of each; a failure leaves nothing that passes.
    #[track_caller]
    fn ends_on_every_front(&self, what: &str, code: i32) {
        for front in [&["verify-ec"][..], &["verify-ec", "--compat"]] {
            let run = self.judge(front, "./policy", &[]);
            assert_eq!(run.code, code, "{what} {front:?}: {}", run.stderr);
            assert_eq!(self.leaves_success(), code == 0, "{what} {front:?}");
        }
        let run = self.judge(&["ec", "validate", "image"], "ec.yaml", &[]);
        assert_eq!(run.code, i32::from(code != 0), "{what} ec: {}", run.stderr);
    }

    fn leaves_success(&self) -> bool {
        let verified = match self.dir.exists("verified.json") {
            true => serde_json::from_str(&self.dir.read("verified.json")).unwrap(),
            false => Value::Null,
        };
        verified["components"][0]["success"] == true
    }

    fn attached_list(&self, suffix: &str) -> Value {
        let tag = self.universe.image.attached_tag(suffix);
        let bytes = self.universe.registry.manifest(STAGING, &tag).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn set_attached_list(&self, suffix: &str, list: &Value) {
        let tag = self.universe.image.attached_tag(suffix);
        let (registry, bytes) = (&self.universe.registry, list.to_string());
        registry.put_manifest(STAGING, Some(&tag), MANIFEST, bytes.as_bytes());
    }

    /// Puts a second candidate before the first of the list, and returns its digest.
    fn put_beside(&self, suffix: &str, size: Option<u64>) -> String {
        let content = format!("{{\"odd\": \"{suffix}\"}}");
        let digest = self.universe.registry.put_blob(STAGING, content.as_bytes());
        let mut list = self.attached_list(suffix);
        let mut layer = list["layers"][0].clone();
        layer["digest"] = json!(digest);
        layer["size"] = json!(size.unwrap_or(content.len() as u64));
        list["layers"].as_array_mut().unwrap().insert(0, layer);
        self.set_attached_list(suffix, &list);
        digest
    }

    fn fail_reads(&self, effect: &Effect, path: &str) {
        self.universe.registry.heal();
        let fault = Fault::new(effect.clone()).of_reads(path);
        self.universe.registry.fail(fault);
    }
}

#[test]
fn a_candidate_is_passed_over_where_it_is_broken_and_never_where_the_registry_fails() {
    let effects = [
        (Effect::Status(404), 4, 0),
        (Effect::OtherBytes, 4, 0),
        (Effect::Status(401), 2, 2),
        (Effect::Status(403), 2, 2),
        (Effect::Status(500), 5, 5),
        (Effect::Reset, 5, 5),
    ];
    std::thread::scope(|scope| {
        for suffix in ["sig", "att"] {
            for (effect, alone, beside) in effects.clone() {
                scope.spawn(move || {
                    let scene = scene_with_rule();
                    let list = scene.attached_list(suffix);
                    // Every candidate of the list is broken.
                    scene.universe.registry.heal();
                    for layer in list["layers"].as_array().unwrap() {
                        let path = format!("blobs/{}", layer["digest"].as_str().unwrap());
                        let fault = Fault::new(effect.clone()).of_reads(path);
                        scene.universe.registry.fail(fault);
                    }
                    scene.ends_on_every_front(&format!("{suffix} alone {effect:?}"), alone);
                    // One more than is needed is broken.
                    let scene = scene_with_rule();
                    let odd = scene.put_beside(suffix, None);
                    scene.fail_reads(&effect, &format!("blobs/{odd}"));
                    scene.ends_on_every_front(&format!("{suffix} beside {effect:?}"), beside);
                    if beside == 0 {
                        scene.judge(&["verify-ec"], "./policy", &[]).says("ignored");
                    }
                });
            }
        }
    });
}

#[test]
fn a_candidate_that_is_not_understood_or_over_the_limit_is_passed_over() {
    for suffix in ["sig", "att"] {
        for size in [None, Some(1 << 40)] {
            let scene = scene_with_rule();
            scene.put_beside(suffix, size);
            scene.ends_on_every_front(&format!("{suffix} beside {size:?}"), 0);
            scene.judge(&["verify-ec"], "./policy", &[]).says("ignored");
            let mut list = scene.attached_list(suffix);
            let odd = list["layers"][0].clone();
            list["layers"] = json!([odd]);
            scene.set_attached_list(suffix, &list);
            scene.ends_on_every_front(&format!("{suffix} alone {size:?}"), 4);
        }
    }
}

#[test]
fn a_tag_with_candidates_that_cannot_be_read_is_not_an_image_without_them() {
    for (suffix, effect, code) in [
        ("sig", Effect::Status(404), 4),
        ("sig", Effect::Status(403), 2),
        ("sig", Effect::Status(500), 5),
        ("att", Effect::Status(404), 4),
        ("att", Effect::Status(403), 2),
        ("att", Effect::CutAnswer(5), 5),
    ] {
        let scene = scene_with_rule();
        let tag = scene.universe.image.attached_tag(suffix);
        scene.fail_reads(&effect, &format!("manifests/{tag}"));
        scene.ends_on_every_front(&format!("{suffix} {effect:?}"), code);
    }
}

#[test]
fn how_the_list_of_referrers_fails_decides() {
    let api = "/referrers/";
    for (effect, code) in [
        (Effect::Status(400), 0),
        (Effect::Status(404), 0),
        (Effect::Status(405), 0),
        (Effect::Status(501), 0),
        (Effect::Status(401), 2),
        (Effect::Status(403), 2),
        (Effect::Status(503), 5),
        (Effect::Reset, 5),
        (Effect::Body(b"{\"manifests\":".to_vec()), 5),
        (Effect::Body(b"[]".to_vec()), 5),
    ] {
        let scene = scene_with_rule();
        scene.fail_reads(&effect, api);
        scene.ends_on_every_front(&format!("{effect:?}"), code);
    }
}

#[test]
fn a_list_with_a_next_page_elsewhere_is_a_registry_that_failed() {
    for (link, code) in [
        ("</v2/other>; rel=\"prev\"", 0),
        ("<https://other.example/v2/x>; rel=\"help\"", 0),
        ("<https://other.example/v2/x>; rel=\"next\"", 5),
        ("<//other.example/v2/x>; rel=next", 5),
        (
            "<http://127.0.0.9:1/v2/x>; title=\"a\"; rel=\"last next\"",
            5,
        ),
        ("</v2/x; rel=\"next\"", 5),
    ] {
        let scene = scene_with_rule();
        scene.fail_reads(&Effect::Header("link", link), "/referrers/");
        scene.ends_on_every_front(link, code);
    }
}

#[test]
fn how_the_fallback_list_fails_decides() {
    for (effect, code) in [
        (Effect::Status(404), 0),
        (Effect::Status(403), 2),
        (Effect::Status(500), 5),
        (Effect::CutAnswer(3), 5),
    ] {
        let scene = scene_with_rule();
        let tag = scene.universe.image.digest.replace(':', "-");
        let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string();
        let registry = &scene.universe.registry;
        registry.put_manifest(STAGING, Some(&tag), INDEX, list.as_bytes());
        scene.fail_reads(&Effect::Status(404), "/referrers/");
        scene.ends_on_every_front("healthy", 0);
        // The tags of signatures begin with the name of the list.
        let fault = Fault::new(effect.clone()).of_reads(format!("manifests/{tag}"));
        registry.fail(fault);
        let signatures = [effect == Effect::Status(404), code == 0];
        if signatures == [true, true] {
            registry.heal();
            scene.fail_reads(&Effect::Status(404), "/referrers/");
            registry.delete_tag(STAGING, &tag);
        }
        scene.ends_on_every_front(&format!("{effect:?}"), code);
    }
    for list in [
        "[]",
        "{\"schemaVersion\":2,\"manifests\":7}",
        "{\"manifests\":[]}",
    ] {
        let scene = scene_with_rule();
        let tag = scene.universe.image.digest.replace(':', "-");
        let registry = &scene.universe.registry;
        registry.put_manifest(STAGING, Some(&tag), INDEX, list.as_bytes());
        scene.fail_reads(&Effect::Status(404), "/referrers/");
        let code = if list == "{\"manifests\":[]}" { 0 } else { 5 };
        scene.ends_on_every_front(list, code);
    }
}

/// The title of a layer, its content, and whether it is marked for unpacking.
type Layer<'a> = (&'a str, &'a [u8], bool);

/// Pushes a policy as `oras push` does and returns the digests of the manifest and the rule.
fn push_policy(scene: &Scene, layers: &[Layer<'_>]) -> (String, Vec<String>) {
    let registry = &scene.universe.registry;
    let layers: Vec<_> = layers
        .iter()
        .map(|(title, content, unpack)| {
            let digest = registry.put_blob("acme/policy", content);
            let mut annotations = json!({"org.opencontainers.image.title": title});
            if *unpack {
                annotations["io.deis.oras.content.unpack"] = json!("true");
            }
            json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest,
                "size": content.len(), "annotations": annotations,
            })
        })
        .collect();
    let digests = layers
        .iter()
        .map(|layer| layer["digest"].as_str().unwrap().to_owned());
    let digests = digests.collect();
    let empty = registry.put_blob("acme/policy", b"{}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
    });
    let bytes = manifest.to_string();
    let digest = registry.put_manifest("acme/policy", Some("v1"), MANIFEST, bytes.as_bytes());
    (digest, digests)
}

#[test]
fn a_policy_or_data_source_that_cannot_be_read_decides_nothing() {
    let effects = [
        (Effect::Status(404), 3),
        (Effect::Status(401), 2),
        (Effect::Status(403), 2),
        (Effect::Status(500), 5),
        (Effect::Reset, 5),
        (Effect::OtherBytes, 5),
    ];
    std::thread::scope(|scope| {
        for is_data in [false, true] {
            for (effect, code) in effects.clone() {
                scope.spawn(move || {
                    let scene = scene_with_rule();
                    let (file, content) = match is_data {
                        false => ("label.rego", RULE.as_bytes()),
                        true => ("rules.yaml", &b"rule_data: {key: value}\n"[..]),
                    };
                    let (manifest, layers) = push_policy(&scene, &[(file, content, false)]);
                    let address = scene.universe.registry.address();
                    let bundle = format!("oci::{address}/acme/policy@{manifest}");
                    let source = match is_data {
                        false => format!("sources: [{{policy: ['{bundle}']}}]\n"),
                        true => {
                            format!("sources: [{{policy: [./policy], data: ['{bundle}']}}]\n")
                        }
                    };
                    scene.dir.write("policy.yaml", source);
                    let fronts = [&["verify-ec"][..], &["ec", "validate", "image"]];
                    for front in fronts {
                        scene.judge(front, "policy.yaml", &[]).exits(0);
                    }
                    for path in [
                        format!("blobs/{}", layers[0]),
                        format!("manifests/{manifest}"),
                    ] {
                        scene.fail_reads(&effect, &path);
                        let what = format!("data {is_data} {effect:?} {path}");
                        let run = scene.judge(&["verify-ec"], "policy.yaml", &[]);
                        assert_eq!(run.code, code, "{what}: {}", run.stderr);
                        assert!(!scene.dir.exists("verified.json"), "{what}");
                        let run = scene.judge(&["ec", "validate", "image"], "policy.yaml", &[]);
                        assert_eq!(run.code, 1, "{what}: {}", run.stderr);
                    }
                });
            }
        }
    });
}

#[test]
fn a_policy_source_that_is_not_understood_or_over_a_limit_is_configuration() {
    let xz = b"\xfd7zXZ\0 and so on";
    let cases: [(&str, &[Layer<'_>]); 4] = [
        ("good", &[("label.rego", RULE.as_bytes(), false)]),
        (
            "packed",
            &[
                ("label.rego", RULE.as_bytes(), false),
                ("more.tgz", b"x", false),
            ],
        ),
        (
            "compression",
            &[("label.rego", RULE.as_bytes(), false), ("more", xz, true)],
        ),
        ("encoding", &[("label.rego", b"\xff\xfe", false)]),
    ];
    for (name, layers) in cases {
        let scene = scene_with_rule();
        push_policy(&scene, layers);
        let bundle = format!("oci::{}/acme/policy:v1", scene.universe.registry.address());
        scene.dir.write(
            "policy.yaml",
            format!("sources: [{{policy: ['{bundle}']}}]\n"),
        );
        let run = scene.judge(&["verify-ec"], "policy.yaml", &[]);
        assert_eq!(
            run.code,
            if name == "good" { 0 } else { 2 },
            "{name}: {}",
            run.stderr
        );
        assert_eq!(scene.leaves_success(), name == "good", "{name}");
    }
    let scene = scene_with_rule();
    let registry = &scene.universe.registry;
    for manifest in ["[]", "{\"layers\":[],\"Layers\":[]}"] {
        registry.put_manifest("acme/policy", Some("v1"), MANIFEST, manifest.as_bytes());
        let bundle = format!("oci::{}/acme/policy:v1", registry.address());
        scene.dir.write(
            "policy.yaml",
            format!("sources: [{{policy: ['{bundle}']}}]\n"),
        );
        let run = scene.judge(&["verify-ec"], "policy.yaml", &[]);
        assert_eq!(run.code, 2, "{manifest}: {}", run.stderr);
    }
}
