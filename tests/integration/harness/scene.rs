//! An image with signatures and attestations, and a directory in which `promote` verifies it.

use std::fs;

use lab::{
    chain::Chain,
    universe::{TAG, Universe},
};
use serde_json::Value;

use super::{Run, Workdir};

/// A rule that refuses an image without attestations.
pub(crate) const ATTESTED_RULE: &str = r#"package main

import rego.v1

# METADATA
# title: t
# custom:
#   short_name: none
deny contains result if {
	count(input.attestations) == 0
	result := {"code": "main.none", "msg": "none"}
}
"#;

/// A rule that refuses an image with the label `bad`.
pub(crate) const LABEL_RULE: &str = r#"package main

import rego.v1

# METADATA
# title: Label
# custom:
#   short_name: label
deny contains {"code": "main.label", "msg": "no"} if input.image.config.Labels.bad
"#;

/// Returns a patch of kustomize with the image of the container `web`.
pub(crate) fn deployment_patch(image: &str) -> String {
    format!(
        r"spec:
  template:
    spec:
      containers:
        - name: web
          image: {image}
"
    )
}

/// Servers with one image, and a directory with the build system's `cosign.pub`.
pub(crate) struct Scene {
    pub(crate) universe: Universe,
    pub(crate) dir: Workdir,
}

impl Scene {
    /// Starts with an image that has neither signatures nor attestations.
    pub(crate) fn unsigned() -> Self {
        let (universe, dir) = (Universe::new().unwrap(), Workdir::new());
        dir.write("cosign.pub", universe.key.public_pem());
        Self { universe, dir }
    }

    /// Starts with an image that the build system has signed, without attestations.
    pub(crate) fn signed() -> Self {
        let scene = Self::unsigned();
        scene.universe.sign(&scene.universe.key).unwrap();
        scene
    }

    /// Starts with an image that the build system has signed and attested.
    pub(crate) fn attested() -> Self {
        let scene = Self::unsigned();
        scene.universe.sign_and_attest().unwrap();
        scene
    }

    /// Starts with an attested image and the configuration `policy.yaml` of [`LABEL_RULE`].
    pub(crate) fn with_label_policy() -> Self {
        Self::attested()
            .file("rules/a.rego", LABEL_RULE)
            .file("policy.yaml", "sources: [{policy: [./rules]}]\n")
    }

    /// Adds a file to the directory: a rule, its data or a configuration.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.dir.write(name, content);
        self
    }

    /// Returns the image's reference by digest.
    pub(crate) fn image(&self) -> String {
        format!("{}@{}", self.universe.staging(), self.universe.image.digest)
    }

    /// Runs a verifying command over the image with a policy and the build system's key.
    pub(crate) fn judge(&self, command: &[&str], policy: &str, more: &[&str]) -> Run {
        let image = self.image();
        let own = ["--image", &image, "--policy", policy];
        let trust = ["--public-key=cosign.pub", "--ignore-rekor"];
        self.dir.promote(&[command, &own, &trust, more].concat())
    }

    /// Returns the five commands by hand, with the subdirectory `data` for what they write.
    pub(crate) fn chain(&self) -> Chain<'_> {
        let data = self.dir.path("data");
        fs::create_dir_all(&data).unwrap();
        Chain {
            universe: &self.universe,
            promote: env!("CARGO_BIN_EXE_promote").into(),
            dir: data,
            tag: TAG.to_owned(),
            more: Vec::new(),
        }
    }

    pub(crate) fn verified(&self) -> Value {
        serde_json::from_str(&self.dir.read("verified.json")).unwrap()
    }
}
