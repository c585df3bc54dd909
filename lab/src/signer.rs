//! Images, signatures and attestations as cosign and Tekton Chains write them, and forged ones.
//!
//! Signatures lie under the tag `sha256-<hex>.sig` (simple signing), attestations under
//! `sha256-<hex>.att` (DSSE envelopes of in-toto statements).

mod key;

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
pub use key::{Key, Scheme};
use serde_json::{Value, json};

use crate::registry::Server;

/// The media type of an OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The predicate type of SLSA provenance v0.2.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v0.2";
/// The payload type of an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// An image or index in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub repository: String,
    pub digest: String,
    pub size: usize,
    pub media_type: &'static str,
}

impl Image {
    /// The tag under which cosign keeps what belongs to the image: `sha256-<hex>.<suffix>`.
    #[must_use]
    pub fn attached_tag(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.digest.replace(':', "-"))
    }

    /// Returns an OCI descriptor of the manifest.
    #[must_use]
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }
}

/// Pushes an image of some small layers; another seed is another image.
pub fn push_image(
    registry: &Server,
    repository: &str,
    tag: &str,
    seed: &str,
    layers: usize,
) -> Result<Image> {
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Labels": {"org.opencontainers.image.title": repository, "seed": seed}, "User": "65532"},
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    let layer = |number: usize| -> Value {
        let content = format!("{repository} {seed} layer {number}\n").repeat(20);
        descriptor(registry, repository, LAYER, content.as_bytes())
    };
    let layers: Vec<_> = (0..layers).map(layer).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor(registry, repository, CONFIG, config.to_string().as_bytes()),
        "layers": layers,
    });
    Ok(push(registry, repository, Some(tag), MANIFEST, &manifest))
}

/// Pushes an image whose one layer is zeros, which need no memory.
pub fn push_zeros(registry: &Server, repository: &str, tag: &str, bytes: u64) -> Image {
    let digest = registry.put_zeros(repository, bytes);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor(registry, repository, CONFIG, b"{\"os\":\"linux\"}"),
        "layers": [{"mediaType": LAYER, "digest": digest, "size": bytes}],
    });
    push(registry, repository, Some(tag), MANIFEST, &manifest)
}

/// Pushes an index of images that are in the repository, one for each architecture.
pub fn push_index(
    registry: &Server,
    repository: &str,
    tag: &str,
    children: &[(&str, &Image)],
) -> Result<Image> {
    let child = |(architecture, image): &(&str, &Image)| {
        let mut descriptor = image.descriptor();
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        descriptor
    };
    let manifests: Vec<_> = children.iter().map(child).collect();
    Ok(push_index_of(registry, repository, tag, &manifests))
}

/// Pushes an index of descriptors as they are given.
pub fn push_index_of(registry: &Server, repository: &str, tag: &str, manifests: &[Value]) -> Image {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    push(registry, repository, Some(tag), INDEX, &index)
}

/// Attaches an artifact by its `subject` (OCI 1.1), as SBOM tools and cosign v3 do.
pub fn push_referrer(
    registry: &Server,
    subject: &Image,
    artifact_type: &str,
    content: &[u8],
) -> Result<Image> {
    let repository = &subject.repository;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type,
        "config": descriptor(registry, repository, "application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [descriptor(registry, repository, artifact_type, content)],
        "subject": subject.descriptor(),
    });
    Ok(push(registry, repository, None, MANIFEST, &manifest))
}

/// Attaches an artifact on a registry without the referrers API, where clients keep the list:
/// an index under the tag `sha256-<hex>`.
pub fn push_listed_referrer(
    registry: &Server,
    subject: &Image,
    artifact_type: &str,
    content: &[u8],
) -> Result<Image> {
    let artifact = push_referrer(registry, subject, artifact_type, content)?;
    let (repository, tag) = (&subject.repository, subject.digest.replace(':', "-"));
    let mut index = match registry.manifest(repository, &tag) {
        Some(bytes) => serde_json::from_slice(&bytes)?,
        None => json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
    };
    let mut entry = artifact.descriptor();
    entry["artifactType"] = artifact_type.into();
    let entries = index["manifests"].as_array_mut();
    entries.context("no list of referrers")?.push(entry);
    push(registry, repository, Some(&tag), INDEX, &index);
    Ok(artifact)
}

/// Attaches an SBOM as `cosign attach sbom` does; returns it, for it may be signed itself.
pub fn attach_sbom(registry: &Server, image: &Image, sbom: &[u8]) -> Image {
    let repository = &image.repository;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor(registry, repository, "application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [descriptor(registry, repository, "text/spdx+json", sbom)],
    });
    let tag = image.attached_tag("sbom");
    push(registry, repository, Some(&tag), MANIFEST, &manifest)
}

/// The simple-signing claims of an image.
#[must_use]
pub fn claims(image: &Image) -> String {
    let reference = format!("registry.example/{}", image.repository);
    json!({
        "critical": {
            "identity": {"docker-reference": reference},
            "image": {"docker-manifest-digest": image.digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
}

/// Signs an image as `cosign sign --key … --tlog-upload=false` does.
pub fn sign(registry: &Server, image: &Image, key: &Key) -> Result<()> {
    let payload = claims(image);
    let signature = key.sign(payload.as_bytes())?;
    put_signature(registry, image, payload.as_bytes(), &signature)
}

/// Stores any payload and signature under the tag of the image's signatures.
pub fn put_signature(
    registry: &Server,
    image: &Image,
    payload: &[u8],
    signature: &[u8],
) -> Result<()> {
    let mut layer = descriptor(registry, &image.repository, SIMPLE_SIGNING, payload);
    layer["annotations"] = json!({SIGNATURE: STANDARD.encode(signature)});
    put_attached(registry, image, "sig", vec![layer]);
    Ok(())
}

/// An in-toto statement v0.1 about an image.
#[must_use]
pub fn statement(image: &Image, predicate_type: &str, predicate: &Value) -> Value {
    let sha256 = image.digest.trim_start_matches("sha256:");
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": predicate_type,
        "subject": [{"name": format!("registry.example/{}", image.repository), "digest": {"sha256": sha256}}],
        "predicate": predicate,
    })
}

/// SLSA provenance v0.2 of a Tekton pipeline that built a commit.
#[must_use]
pub fn provenance(image: &Image, source: &str, commit: &str) -> Value {
    let predicate = json!({
        "builder": {"id": "https://tekton.dev/chains/v2"},
        "buildType": "tekton.dev/v1/PipelineRun",
        "invocation": {"configSource": {}, "parameters": {}},
        "buildConfig": {"tasks": []},
        "metadata": {
            "buildStartedOn": "2026-01-02T03:00:00Z", "buildFinishedOn": "2026-01-02T03:04:00Z",
            "completeness": {"parameters": true, "environment": false, "materials": true},
            "reproducible": false,
        },
        "materials": [{"uri": format!("git+{source}"), "digest": {"sha1": commit}}],
    });
    statement(image, PROVENANCE, &predicate)
}

/// The pre-authentication encoding of DSSE, which is what is signed.
#[must_use]
pub fn encode(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (type_length, length) = (payload_type.len(), payload.len());
    let mut message = format!("DSSEv1 {type_length} {payload_type} {length} ").into_bytes();
    message.extend_from_slice(payload);
    message
}

/// A DSSE envelope, signed over the pre-authentication encoding.
pub fn envelope(key: &Key, payload_type: &str, payload: &[u8]) -> Result<Value> {
    let message = encode(payload_type, payload);
    Ok(json!({
        "payloadType": payload_type,
        "payload": STANDARD.encode(payload),
        "signatures": [{"keyid": "", "sig": STANDARD.encode(key.sign(&message)?)}],
    }))
}

/// Attests statements about an image as `cosign attest --key … --tlog-upload=false` does.
pub fn attest(registry: &Server, image: &Image, key: &Key, statements: &[Value]) -> Result<()> {
    let envelopes = statements
        .iter()
        .map(|statement| envelope(key, IN_TOTO, statement.to_string().as_bytes()));
    put_attestations(registry, image, &envelopes.collect::<Result<Vec<_>>>()?);
    Ok(())
}

/// Stores any envelopes under the tag of the image's attestations.
pub fn put_attestations(registry: &Server, image: &Image, envelopes: &[Value]) {
    let layer = |envelope: &Value| {
        let mut layer = descriptor(
            registry,
            &image.repository,
            ENVELOPE,
            envelope.to_string().as_bytes(),
        );
        layer["annotations"] = json!({SIGNATURE: ""});
        layer
    };
    put_attached(
        registry,
        image,
        "att",
        envelopes.iter().map(layer).collect(),
    );
}

fn put_attached(registry: &Server, image: &Image, suffix: &str, layers: Vec<Value>) {
    let repository = &image.repository;
    let config = json!({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor(registry, repository, CONFIG, config.to_string().as_bytes()),
        "layers": layers,
    });
    push(
        registry,
        repository,
        Some(&image.attached_tag(suffix)),
        MANIFEST,
        &manifest,
    );
}

/// Copies the attached artifacts of one image to another: a stolen signature.
pub fn steal(registry: &Server, suffix: &str, from: &Image, to: &Image) -> Result<()> {
    let tag = from.attached_tag(suffix);
    let bytes = registry
        .manifest(&from.repository, &tag)
        .with_context(|| format!("no {tag}"))?;
    let manifest: Value = serde_json::from_slice(&bytes)?;
    let layers = manifest["layers"].as_array().into_iter().flatten();
    for blob in layers.chain([&manifest["config"]]) {
        let digest = blob["digest"].as_str().unwrap_or_default();
        let content = registry.blob(&from.repository, digest).context("no blob")?;
        registry.put_blob(&to.repository, &content);
    }
    registry.put_manifest(
        &to.repository,
        Some(&to.attached_tag(suffix)),
        MANIFEST,
        &bytes,
    );
    Ok(())
}

/// Changes the content of an attached artifact and describes it anew, so that every
/// digest is right and only the content is not what was signed.
pub fn tamper(
    registry: &Server,
    image: &Image,
    suffix: &str,
    change: impl FnOnce(&mut Vec<u8>),
) -> Result<()> {
    let (repository, tag) = (&image.repository, image.attached_tag(suffix));
    let bytes = registry
        .manifest(repository, &tag)
        .context("nothing is attached")?;
    let mut manifest: Value = serde_json::from_slice(&bytes)?;
    let layer = &mut manifest["layers"][0];
    let digest = layer["digest"].as_str().unwrap_or_default();
    let mut content = registry.blob(repository, digest).context("no blob")?;
    change(&mut content);
    layer["size"] = content.len().into();
    layer["digest"] = registry.put_blob(repository, &content).into();
    push(registry, repository, Some(&tag), MANIFEST, &manifest);
    Ok(())
}

fn descriptor(registry: &Server, repository: &str, media_type: &str, bytes: &[u8]) -> Value {
    let digest = registry.put_blob(repository, bytes);
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

fn push(
    registry: &Server,
    repository: &str,
    tag: Option<&str>,
    media_type: &'static str,
    manifest: &Value,
) -> Image {
    let bytes = manifest.to_string();
    let digest = registry.put_manifest(repository, tag, media_type, bytes.as_bytes());
    Image {
        repository: repository.to_owned(),
        digest,
        size: bytes.len(),
        media_type,
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

    use super::*;
    use crate::registry::Options;

    fn holds(key: &Key, message: &[u8], signature: &str) -> bool {
        // A P-256 key follows 26 bytes that name the curve.
        let public = key.public_pem();
        let body: String = public
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        let der = STANDARD.decode(body).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &der[26..]);
        let signature = STANDARD.decode(signature).unwrap();
        public.verify(message, &signature).is_ok()
    }

    #[test]
    fn encodes_as_the_specification_of_dsse_shows() {
        let encoded = encode("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            encoded,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn signs_the_claims_of_the_image_where_cosign_looks_for_them() {
        let registry = Server::start(Options::default()).unwrap();
        let (key, stranger) = (Key::generate().unwrap(), Key::generate().unwrap());
        let image = push_image(&registry, "a", "v1", "one", 2).unwrap();
        sign(&registry, &image, &key).unwrap();
        let bytes = registry.manifest("a", &image.attached_tag("sig")).unwrap();
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let layer = &manifest["layers"][0];
        let payload = registry
            .blob("a", layer["digest"].as_str().unwrap())
            .unwrap();
        let claimed: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(
            claimed["critical"]["image"]["docker-manifest-digest"],
            image.digest.as_str()
        );
        let signature = layer["annotations"][SIGNATURE].as_str().unwrap();
        assert!(holds(&key, &payload, signature));
        assert!(!holds(&stranger, &payload, signature));
    }

    #[test]
    fn a_stolen_signature_is_good_but_of_another_image() {
        let registry = Server::start(Options::default()).unwrap();
        let key = Key::generate().unwrap();
        let owner = push_image(&registry, "a", "v1", "one", 1).unwrap();
        let thief = push_image(&registry, "b", "v1", "two", 1).unwrap();
        sign(&registry, &owner, &key).unwrap();
        steal(&registry, "sig", &owner, &thief).unwrap();
        let theirs = registry.manifest("b", &thief.attached_tag("sig")).unwrap();
        assert_eq!(
            theirs,
            registry.manifest("a", &owner.attached_tag("sig")).unwrap()
        );
        tamper(&registry, &thief, "sig", |payload| payload[0] ^= 1).unwrap();
        assert_ne!(
            theirs,
            registry.manifest("b", &thief.attached_tag("sig")).unwrap()
        );
    }
}
