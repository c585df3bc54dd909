//! The signers that attached artifacts claim, unverified.

use serde_json::Value;

use crate::{
    commands::failures::registry_failure,
    failure::Failure,
    image::Repository,
    json,
    registry::{Attachment, Content, Descriptor, Registry, SeenArtifact},
    trust::{BUNDLE, CERTIFICATE, pem, subject_of},
};

/// The size in bytes above which a bundle is not opened.
const MAX_BUNDLE: u64 = 16 << 20;
/// The most layers of one artifact that are described.
const MOST: usize = 50;

/// Returns a line for each signature in an artifact.
pub(super) async fn of(
    registry: &Registry,
    repository: &Repository,
    artifact: &SeenArtifact,
) -> Result<Vec<String>, Failure> {
    let is_bundle = artifact.kind.starts_with(BUNDLE);
    let is_tag = matches!(&artifact.at, Attachment::Tag(_));
    if !is_bundle && !is_tag || artifact.kind == "sbom" {
        return Ok(Vec::new());
    }
    let manifest = registry.manifest(repository, &artifact.digest.into()).await;
    let content = match manifest {
        Ok(None) => return Ok(vec!["it is listed, but not there".to_owned()]),
        Ok(Some(manifest)) => manifest.content(),
        Err(error) => Err(error),
    };
    let content = match content {
        Ok(Content::Image(content)) => content,
        Ok(Content::Index(_)) => return Ok(Vec::new()),
        Err(error) if error.concerns_content() => {
            return Ok(vec![format!("it cannot be read: {error}")]);
        }
        Err(error) => return Err(registry_failure(error)),
    };
    let mut lines = Vec::new();
    for layer in content.layers.iter().take(MOST) {
        lines.push(match is_bundle {
            true => bundle(registry, repository, layer).await?,
            false => side_layer(layer),
        });
    }
    Ok(lines)
}

/// Describes a layer under a tag: its predicate type and its certificate.
fn side_layer(layer: &Descriptor) -> String {
    let kind = layer.annotations.get("predicateType");
    let kind = kind.map_or("signature", String::as_str);
    let kind = match layer.media_type.contains("dsse") {
        true if kind == "signature" => "attestation",
        _ => kind,
    };
    let certificate = layer.annotations.get(CERTIFICATE);
    let der = certificate.and_then(|text| pem::parse(text)?.into_iter().next());
    let signer = match der {
        Some(block) => signer(&block.der),
        None => "by a key".to_owned(),
    };
    format!("{kind}, claims to be {signer}")
}

async fn bundle(
    registry: &Registry,
    repository: &Repository,
    layer: &Descriptor,
) -> Result<String, Failure> {
    let bytes = match registry.blob(repository, layer, MAX_BUNDLE).await {
        Ok(bytes) => bytes,
        Err(error) if error.concerns_content() => {
            return Ok(format!("it cannot be read: {error}"));
        }
        Err(error) => return Err(registry_failure(error)),
    };
    let document = match json::document(&bytes, &json::BUNDLE) {
        Ok(document) => document,
        Err(error) => return Ok(format!("it cannot be read: {error}")),
    };
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let der = ["certificate", "x509CertificateChain/certificates/0"]
        .iter()
        .find_map(|at| text(&format!("/verificationMaterial/{at}/rawBytes")))
        .and_then(|text| {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            STANDARD.decode(text).ok()
        });
    let hint = text("/verificationMaterial/publicKey/hint");
    Ok(match (der, hint) {
        (Some(der), _) => format!("claims to be {}", signer(&der)),
        (None, Some(hint)) => format!("claims to be by the key {hint}"),
        (None, None) => "names no signer".to_owned(),
    })
}

fn signer(der: &[u8]) -> String {
    match subject_of(der) {
        Some((subject, issuer)) => format!("by {subject} ({issuer})"),
        None => "by a certificate without a subject".to_owned(),
    }
}
