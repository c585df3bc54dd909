//! Actions before the chain starts in attacks by documents and answers of the registry.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::{
    registry::{Effect, Fault},
    signer,
    universe::{STAGING, TAG},
};

/// The release is an index of one good image; every document in it is signed and attested.
pub(super) fn folded_index(stage: &mut Stage) -> Result<()> {
    let universe = Arc::get_mut(&mut stage.universe).context("the universe is in use")?;
    universe.sign_and_attest()?;
    let good = universe.image.clone();
    let evil = signer::push_image(&universe.registry, STAGING, "evil", "evil", 2)?;
    let index = signer::push_index(&universe.registry, STAGING, TAG, &[("amd64", &good)])?;
    universe.image = index;
    if stage.lie {
        let bytes = universe.registry.manifest(STAGING, TAG);
        let text = String::from_utf8(bytes.context("no index")?)?;
        let mut child = evil.descriptor();
        child["platform"] = json!({"architecture": "amd64", "os": "linux"});
        let text = text.strip_suffix('}').context("no object")?;
        let text = format!("{text},\"Manifests\":[{child}]}}");
        let kind = universe.image.media_type;
        let (registry, bytes) = (&universe.registry, text.as_bytes());
        universe.image.digest = registry.put_manifest(STAGING, Some(TAG), kind, bytes);
        universe.image.size = bytes.len();
    }
    universe.sign_and_attest()
}

/// A policy that forbids images by a label in their configuration.
const LABELS: &str = "\
# METADATA
# title: Labels
package labels

import rego.v1

# METADATA
# title: No forbidden image
# description: The label seed of a forbidden image is forbidden.
# custom:
#   short_name: forbidden
#   failure_msg: The image is forbidden
deny contains result if {
	input.image.config.Labels.seed == \"forbidden\"
	result := {\"code\": \"labels.forbidden\", \"msg\": \"The image is forbidden\"}
}
";

/// The policy looks at a label of the image; its configuration is lost where the attacker lies.
pub(super) fn failing_registry(stage: &mut Stage) -> Result<()> {
    let universe = Arc::get_mut(&mut stage.universe).context("the universe is in use")?;
    universe.set_policy(&[("release/labels.rego", LABELS)])?;
    if stage.lie {
        universe.image = signer::push_image(&universe.registry, STAGING, TAG, "forbidden", 3)?;
        let manifest = universe.registry.manifest(STAGING, TAG);
        let manifest: Value = serde_json::from_slice(&manifest.context("no image")?)?;
        let config = manifest["config"]["digest"].as_str();
        let path = format!("blobs/{}", config.context("no configuration")?);
        let lost = Fault::new(Effect::Status(404)).of_reads(path);
        universe.registry.fail(lost);
    }
    universe.sign_and_attest()
}
