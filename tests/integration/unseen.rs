//! Facts that cannot be read are not absent: every fact that a rule may look at, under every fault, with
//! its twin in which no selected rule looks at it.

mod cells;

mod content;

use lab::{
    registry::{Effect, Fault},
    signer::Image,
    universe::{STAGING, Universe},
};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const FOREIGN: &str = "elsewhere/tools";

/// A fact, a rule that refuses what it may say, and the request that reads it.
struct Fact {
    name: &'static str,
    /// The body of a rule that refuses the fact's value; REFERENCE names what is looked up.
    body: &'static str,
    /// The object that the request of the fact names.
    source: Source,
    /// The exit codes after 404, 403, 500 and other bytes; `None` where the fault has no meaning.
    codes: [Option<i32>; 4],
}

/// The document that a rule reads.
#[derive(Clone, Copy)]
enum Source {
    Config,
    Parent,
    ParentConfig,
    Layer,
    Blob(&'static str),
    Manifest(&'static str),
    Index,
    Archive,
    Referrers,
    /// The tag of an SBOM.
    SideTag,
}

const OWN: [Option<i32>; 4] = [Some(4), Some(2), Some(5), Some(4)];

const FACTS: &[Fact] = &[
    Fact {
        name: "config",
        body: "input.image.config.Labels.bad",
        source: Source::Config,
        codes: OWN,
    },
    Fact {
        name: "whole",
        body: "some key, member in input.image; key == \"config\"; member.Labels.bad",
        source: Source::Config,
        codes: OWN,
    },
    Fact {
        name: "parent",
        body: "input.image.parent.config.Labels.bad",
        source: Source::Parent,
        codes: OWN,
    },
    Fact {
        name: "parent-config",
        body: "object.get(input, [\"image\", \"parent\", \"config\", \"Labels\", \"bad\"], false)",
        source: Source::ParentConfig,
        codes: OWN,
    },
    Fact {
        name: "files",
        body: "some name; input.image.files[name].kind == \"Bad\"",
        source: Source::Layer,
        codes: OWN,
    },
    Fact {
        name: "blob",
        body: "contains(ec.oci.blob(\"REFERENCE\"), \"bad\")",
        source: Source::Blob(STAGING),
        codes: OWN,
    },
    Fact {
        name: "foreign-blob",
        body: "contains(ec.oci.blob(\"REFERENCE\"), \"bad\")",
        source: Source::Blob(FOREIGN),
        codes: [Some(0), Some(2), Some(5), Some(4)],
    },
    Fact {
        name: "manifest",
        body: "ec.oci.image_manifest(\"REFERENCE\").annotations.bad",
        source: Source::Manifest(STAGING),
        codes: OWN,
    },
    Fact {
        name: "manifests",
        body: "some found in ec.oci.image_manifests({\"REFERENCE\"}); found.annotations.bad",
        source: Source::Manifest(STAGING),
        codes: OWN,
    },
    Fact {
        name: "foreign-manifest",
        body: "ec.oci.image_manifest(\"REFERENCE\").annotations.bad",
        source: Source::Manifest(FOREIGN),
        codes: [Some(0), Some(2), Some(5), Some(4)],
    },
    Fact {
        name: "descriptor",
        body: "ec.oci.descriptor(\"REFERENCE\").annotations.bad",
        source: Source::Manifest(STAGING),
        codes: [Some(4), Some(2), Some(5), None],
    },
    Fact {
        name: "parsed-blob",
        body: "ec.oci.parsed_blob(\"REFERENCE\").bad",
        source: Source::Blob(STAGING),
        codes: OWN,
    },
    Fact {
        name: "blob-files",
        body: "ec.oci.blob_files(\"REFERENCE\", [\"csv.yaml\"])[\"csv.yaml\"].kind == \"Bad\"",
        source: Source::Archive,
        codes: OWN,
    },
    Fact {
        name: "image-files",
        body: "some file in ec.oci.image_files(\"IMAGE\", [\"manifests\"]); file.kind == \"Bad\"",
        source: Source::Layer,
        codes: OWN,
    },
    Fact {
        name: "index",
        body: "ec.oci.image_index(\"REFERENCE\").annotations.bad",
        source: Source::Index,
        codes: OWN,
    },
    Fact {
        name: "tags",
        body: "some tag in ec.oci.image_tag_refs(\"REFERENCE\"); endswith(tag, \".sbom\")",
        source: Source::SideTag,
        codes: [Some(0), Some(2), Some(5), None],
    },
    Fact {
        name: "attestation",
        body: "ec.sigstore.verify_attestation(\"REFERENCE\", object.union(data.config.default_sigstore_opts, {})).success",
        source: Source::Manifest(STAGING),
        codes: OWN,
    },
    Fact {
        name: "referrers",
        body: "count(ec.oci.image_referrers(\"REFERENCE\")) > 1000",
        source: Source::Referrers,
        codes: [Some(0), None, Some(5), None],
    },
    Fact {
        name: "signature",
        body: "ec.sigstore.verify_image(\"REFERENCE\", object.union(data.config.default_sigstore_opts, {})).success",
        source: Source::Manifest(STAGING),
        codes: OWN,
    },
];

struct FactImage {
    universe: Universe,
    dir: Workdir,
    image: Image,
    parts: Vec<(&'static str, String)>,
}

impl FactImage {
    fn new(fact: &Fact) -> Self {
        let universe = Universe::new().unwrap();
        let registry = &universe.registry;
        let blob = |repository: &str, media_type: &str, bytes: &[u8]| {
            let digest = registry.put_blob(repository, bytes);
            json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
        };
        let put = |repository: &str, manifest: &Value| {
            let bytes = manifest.to_string();
            registry.put_manifest(repository, None, MANIFEST, bytes.as_bytes())
        };
        let parent_config = blob(
            "base/os",
            CONFIG,
            b"{\"config\": {\"Labels\": {\"base\": \"1\"}}}",
        );
        let parent = put(
            "base/os",
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": parent_config, "layers": []}),
        );
        let label = "operators.operatorframework.io.bundle.manifests.v1";
        let config = json!({"config": {"Labels": {label: "manifests/"}}}).to_string();
        let config = blob(STAGING, CONFIG, config.as_bytes());
        let layer = blob(STAGING, LAYER, &tar("manifests/csv.yaml", b"kind: Good\n"));
        let base = format!("{}/base/os", registry.address());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
            "annotations": {
                "org.opencontainers.image.base.name": base,
                "org.opencontainers.image.base.digest": parent,
            },
        });
        let image = Image {
            digest: put(STAGING, &manifest),
            size: manifest.to_string().len(),
            ..universe.image.clone()
        };
        universe.sign_and_attest_image(&image).unwrap();
        let text = |value: &Value| value["digest"].as_str().unwrap().to_owned();
        let reference = match fact.source {
            Source::Blob(repository) => {
                let report = b"{\"report\": \"good\"}";
                text(&blob(repository, "text/plain", report))
            }
            Source::Archive => text(&blob(STAGING, LAYER, &tar("csv.yaml", b"kind: Good\n"))),
            Source::Index => {
                let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
                let index = index.to_string();
                registry.put_manifest(STAGING, None, INDEX, index.as_bytes())
            }
            Source::Manifest(repository) => {
                let config = blob(repository, CONFIG, b"{}");
                put(
                    repository,
                    &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}),
                )
            }
            _ => universe.image.digest.clone(),
        };
        let parts = vec![
            ("config", text(&config)),
            ("parent", parent),
            ("parent-config", text(&parent_config)),
            ("layer", text(&layer)),
            ("reference", reference),
        ];
        let scene = Self {
            dir: Workdir::new(),
            image,
            parts,
            universe,
        };
        scene.write(fact);
        scene
    }

    fn part(&self, name: &str) -> &str {
        let found = self.parts.iter().find(|(part, _)| *part == name);
        &found.unwrap().1
    }

    /// The part of the path of the request that fails.
    fn path(&self, fact: &Fact) -> String {
        match fact.source {
            Source::Config => format!("blobs/{}", self.part("config")),
            Source::Parent => format!("manifests/{}", self.part("parent")),
            Source::ParentConfig => format!("blobs/{}", self.part("parent-config")),
            Source::Layer => format!("blobs/{}", self.part("layer")),
            Source::Blob(_) | Source::Archive => format!("blobs/{}", self.part("reference")),
            Source::Manifest(_) | Source::Index => {
                format!("manifests/{}", self.part("reference"))
            }
            Source::SideTag => {
                let digest = self.part("reference").replace(':', "-");
                format!("manifests/{digest}.sbom")
            }
            Source::Referrers => format!("referrers/{}", self.part("reference")),
        }
    }

    /// Two rules: one looks at the fact, the other never does. One configuration leaves the first out.
    fn write(&self, fact: &Fact) {
        let repository = match fact.source {
            Source::Blob(repository) | Source::Manifest(repository) => repository,
            _ => STAGING,
        };
        let address = self.universe.registry.address();
        let reference = format!("{address}/{repository}@{}", self.part("reference"));
        let body = fact.body.replace("REFERENCE", &reference);
        let body = body.replace("IMAGE", &self.image());
        let rule = |name: &str, body: &str| {
            format!(
                r#"# METADATA
# title: {name}
# custom:
#   short_name: {name}
deny contains result if {{
	{body}
	result := {{"code": "main.{name}", "msg": "{name}"}}
}}

"#
            )
        };
        let other = rule("other", "input.component_name == \"bad\"");
        let source = format!(
            r"package main

import rego.v1

{}{other}",
            rule("looks", &body)
        );
        self.dir.write("rules/a.rego", source);
        self.dir.write("cosign.pub", self.universe.key.public_pem());
        self.dir
            .write("looks.yaml", "sources: [{policy: [./rules]}]\n");
        let excluded =
            "sources: [{policy: [./rules], config: {include: ['*'], exclude: [main.looks]}}]\n";
        self.dir.write("spared.yaml", excluded);
    }

    /// Puts the manifest, signed and attested, in place of the scene's image.
    fn signed(&self, manifest: &Value) -> Image {
        let (universe, bytes) = (&self.universe, manifest.to_string());
        let registry = &universe.registry;
        let image = Image {
            digest: registry.put_manifest(STAGING, None, MANIFEST, bytes.as_bytes()),
            size: bytes.len(),
            ..self.image.clone()
        };
        universe.sign_and_attest_image(&image).unwrap();
        image
    }

    fn image(&self) -> String {
        format!("{}@{}", self.universe.staging(), self.image.digest)
    }

    fn run(&self, front: Front, policy: &str) -> Run {
        let image = self.image();
        let mut arguments = match front {
            Front::VerifyEc => vec!["verify-ec", "--image", &image],
            Front::Compat => vec!["verify-ec", "--compat", "--image", &image],
            Front::Ec => vec!["ec", "validate", "image", "--image", &image],
        };
        arguments.extend([
            "--policy",
            policy,
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ]);
        self.dir.promote(&arguments)
    }

    /// Asserts one cell and its twin.
    fn cell(&self, fact: &Fact, front: Front, effect: &Effect, code: i32) {
        let what = format!("{} {front:?} {effect:?}", fact.name);
        self.universe.registry.heal();
        let fault = Fault::new(effect.clone()).of_reads(self.path(fact));
        self.universe.registry.fail(fault);
        let code = match front {
            Front::Ec => i32::from(code != 0),
            _ => code,
        };
        let run = self.run(front, "looks.yaml").exits(code);
        let passed = front != Front::Ec && self.passed();
        assert_eq!(passed, code == 0 && front != Front::Ec, "{what}");
        if code != 0 {
            run.says("could not be read");
        }
        if code != 0 && front == Front::VerifyEc {
            self.nothing_moves(&what);
        }
        let run = self.run(front, "spared.yaml").exits(0);
        if code != 0 {
            run.says("no selected rule uses it");
        }
        if code != 0 && front != Front::Ec {
            let unreadable = &self.verified()["components"][0]["unreadable"];
            assert!(unreadable[0]["fact"].is_string(), "{what}: {unreadable}");
            assert!(self.passed(), "{what}");
        }
    }

    /// Asserts that no copy follows from what the cell left.
    fn nothing_moves(&self, what: &str) {
        let before = self.universe.registry.tags();
        let production = self.universe.production();
        let copy = ["copy-image", "--verified=verified.json", "--to"];
        let run = self.dir.promote(&[&copy[..], &[&production]].concat());
        assert_ne!(run.code, 0, "{what}: {}", run.stderr);
        assert_eq!(self.universe.registry.tags(), before, "{what}");
    }

    fn verified(&self) -> Value {
        serde_json::from_str(&self.dir.read("verified.json")).unwrap()
    }

    /// Tells whether `verified.json` lets the image pass.
    fn passed(&self) -> bool {
        self.dir.exists("verified.json") && self.verified()["components"][0]["success"] == true
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    VerifyEc,
    Compat,
    Ec,
}

/// A tar archive of one file.
fn tar(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, path, content).unwrap();
    archive.into_inner().unwrap()
}

/// Runs the cells of every fact, the facts at the same time: a fault that is repeated takes its time.
fn every_fact(cells: impl Fn(&Fact, &FactImage) + Sync) {
    std::thread::scope(|scope| {
        let cells = &cells;
        let running: Vec<_> = FACTS
            .iter()
            .map(|fact| {
                scope.spawn(move || {
                    let scene = FactImage::new(fact);
                    scene.run(Front::VerifyEc, "looks.yaml").exits(0);
                    assert!(scene.passed(), "{}", fact.name);
                    cells(fact, &scene);
                })
            })
            .collect();
        for cell in running {
            cell.join().unwrap();
        }
    });
}

#[test]
fn what_a_selected_rule_needs_and_cannot_be_read_is_never_a_pass() {
    let effects = [
        Effect::Status(404),
        Effect::Status(403),
        Effect::Status(500),
        Effect::OtherBytes,
    ];
    every_fact(|fact, scene| {
        for (effect, code) in effects.iter().zip(fact.codes) {
            if let Some(code) = code {
                scene.cell(fact, Front::VerifyEc, effect, code);
            }
        }
    });
}

#[test]
fn a_violation_stays_and_decides_beside_what_cannot_be_read() {
    let fact = &FACTS[0];
    let scene = FactImage::new(fact);
    let always = r#"package more

import rego.v1

# METADATA
# custom:
#   short_name: always
deny contains {"code": "more.always", "msg": "always"}
"#;
    scene.dir.write("rules/b.rego", always);
    let fault = Fault::new(Effect::Status(403)).of_reads(scene.path(fact));
    scene.universe.registry.fail(fault);
    scene
        .run(Front::VerifyEc, "looks.yaml")
        .exits(4)
        .says("more.always");
    assert_eq!(scene.verified()["components"][0]["violations"], 1);
    assert!(!scene.passed());
}
