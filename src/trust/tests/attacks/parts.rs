//! The expected signers, and parts of the good artefacts: each attack changes one of them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    signer::{self, Image},
    sigstore::{Layer, Signer, bundle, dsse_entry, hashedrekord, put_bundle, put_layers},
};
use serde_json::{Value, json};

use super::super::*;

pub(in crate::trust::tests) fn owner(world: &World) -> ImageVerifier {
    world.by_key()
}
pub(in crate::trust::tests) fn logged(world: &World) -> ImageVerifier {
    world.by_logged_key()
}
pub(in crate::trust::tests) fn keyless(world: &World) -> ImageVerifier {
    world.keyless()
}
pub(in crate::trust::tests) fn put_sig(world: &World, layer: Layer) {
    put_layers(&world.registry, &world.image, "sig", &[layer]);
}
pub(in crate::trust::tests) fn put_att(world: &World, layer: Layer) {
    put_layers(&world.registry, &world.image, "att", &[layer]);
}
pub(in crate::trust::tests) fn signed_layer(world: &World, payload: &[u8]) -> Layer {
    Layer::signature(payload, &world.key.sign(payload).unwrap())
}
pub(in crate::trust::tests) fn logged_layer(
    world: &World,
    payload: &[u8],
    change: impl FnOnce(&mut Value),
) -> Layer {
    let signature = world.key.sign(payload).unwrap();
    let mut document = hashedrekord(payload, &signature, &Signer::key(&world.key));
    change(&mut document);
    Layer::signature(payload, &signature).logged(&world.log(&document))
}
pub(in crate::trust::tests) fn keyless_layer(
    world: &World,
    certificate: &[u8],
    time: i64,
) -> Layer {
    let payload = world.claims();
    let signature = world.key.sign(&payload).unwrap();
    let document = hashedrekord(
        &payload,
        &signature,
        &Signer::keyless(&world.key, certificate),
    );
    let entry = world.sigstore.log.add(&document, time).unwrap();
    Layer::signature(&payload, &signature)
        .certified(certificate)
        .logged(&entry)
}
pub(in crate::trust::tests) fn keyless_envelope_layer(
    world: &World,
    entry: fn(&Value, &Signer<'_>) -> Value,
) -> Layer {
    let certificate = world.honest_certificate();
    let envelope = world.envelope(&world.statement(PREDICATE));
    let entry = world.log(&entry(
        &envelope,
        &Signer::keyless(&world.key, &certificate),
    ));
    Layer::envelope(&envelope)
        .certified(&certificate)
        .logged(&entry)
}
/// Makes a keyless `.att` with a timestamp over the whole envelope, as cosign does.
pub(in crate::trust::tests) fn stamped_envelope_layer(
    world: &World,
    entry: fn(&Value, &Signer<'_>) -> Value,
    time: i64,
) -> Layer {
    let layer = keyless_envelope_layer(world, entry);
    let token = world.sigstore.stamper.token(&layer.bytes, time).unwrap();
    layer.stamped(&token)
}
/// Makes a keyless `.sig` with a timestamp over the signature.
pub(in crate::trust::tests) fn stamped_layer(world: &World, time: i64) -> Layer {
    let layer = keyless_layer(world, &world.honest_certificate(), SIGNED);
    let signature = &layer.annotations["dev.cosignproject.cosign/signature"];
    let signature = STANDARD.decode(signature.as_str().unwrap()).unwrap();
    let token = world.sigstore.stamper.token(&signature, time).unwrap();
    layer.stamped(&token)
}
pub(in crate::trust::tests) fn key_bundle(world: &World, predicate_type: &str) -> Value {
    let envelope = world.envelope(&world.statement(predicate_type));
    let signer = Signer::key(&world.key);
    let entry = world.log(&dsse_entry(&envelope, &signer));
    bundle(&world.sigstore.log, &envelope, &signer, Some(&entry)).unwrap()
}
pub(in crate::trust::tests) fn keyless_bundle(world: &World, predicate_type: &str) -> Value {
    let certificate = world.honest_certificate();
    let envelope = world.envelope(&world.statement(predicate_type));
    let signer = Signer::keyless(&world.key, &certificate);
    let entry = world.log(&dsse_entry(&envelope, &signer));
    bundle(&world.sigstore.log, &envelope, &signer, Some(&entry)).unwrap()
}
pub(in crate::trust::tests) fn chains_bundle(world: &World, payload: &[u8]) -> Value {
    let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
    let signature = STANDARD.encode(world.key.sign(payload).unwrap());
    let envelope = json!({"payloadType": kind, "payload": STANDARD.encode(payload), "signatures": [{"sig": signature}]});
    bundle(
        &world.sigstore.log,
        &envelope,
        &Signer::key(&world.key),
        None,
    )
    .unwrap()
}
pub(in crate::trust::tests) fn attach(world: &World, bundle: &Value) {
    put_bundle(&world.registry, &world.image, bundle).unwrap();
}
pub(in crate::trust::tests) fn entry_of(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}
pub(in crate::trust::tests) fn annotated(
    mut layer: Layer,
    name: &str,
    value: impl Into<Value>,
) -> Layer {
    layer.annotations.insert(name.to_owned(), value.into());
    layer
}
pub(in crate::trust::tests) fn log_annotation(layer: &Layer) -> Value {
    serde_json::from_str(
        layer.annotations["dev.sigstore.cosign/bundle"]
            .as_str()
            .unwrap(),
    )
    .unwrap()
}
/// Lists a manifest among the image's referrers under a tag, whatever its subject is.
pub(in crate::trust::tests) fn refer(world: &World, manifest: &Image) {
    let index = json!({"schemaVersion": 2, "mediaType": signer::INDEX, "manifests": [manifest.descriptor()]});
    let tag = world.image.digest.replace(':', "-");
    world.registry.put_manifest(
        "acme/app",
        Some(&tag),
        signer::INDEX,
        index.to_string().as_bytes(),
    );
}
