//! Makes the document that rules see as `input` (Conforma's policy input).
//!
//! Statements are included as they were signed. Other content of the registry (the image's
//! configuration, its parent) is a fact that was read, is absent, or could not be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    config::PolicySpec,
    layers,
    seen::{Seen, UnseenFact, UnseenReason},
};
use crate::{
    image::{DigestReference, Reference, Repository},
    registry::{Content, ImageManifest, Manifest, Registry, Version},
    snapshot::{Component, Snapshot},
    trust::{Attestation, VerifiedSignature},
};

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// The label of an operator bundle with the path of its manifests.
const OLM_MANIFESTS: &str = "operators.operatorframework.io.bundle.manifests.v1";
/// The largest image configuration that is read, in bytes.
const MAX_CONFIG: u64 = 4 << 20;

/// The members of an image's configuration that rules see, in the order of Conforma's `ec`.
const CONFIG_MEMBERS: [&str; 23] = [
    "AttachStderr",
    "AttachStdin",
    "AttachStdout",
    "Cmd",
    "Healthcheck",
    "Domainname",
    "Entrypoint",
    "Env",
    "Hostname",
    "Image",
    "Labels",
    "OnBuild",
    "OpenStdin",
    "StdinOnce",
    "Tty",
    "User",
    "Volumes",
    "WorkingDir",
    "ExposedPorts",
    "ArgsEscaped",
    "NetworkDisabled",
    "StopSignal",
    "Shell",
];

/// A signature as rules and reports see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sig {
    /// The identifier of the key; often empty.
    #[serde(default)]
    pub(crate) keyid: String,
    /// The signature, encoded in base64.
    #[serde(default)]
    pub(crate) sig: String,
    /// The certificate of the signer as PEM.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) certificate: String,
    /// The certificates of the issuers as PEM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) chain: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

impl From<&VerifiedSignature> for Sig {
    fn from(signature: &VerifiedSignature) -> Self {
        Self {
            keyid: signature.keyid.clone(),
            sig: signature.sig.clone(),
            certificate: signature.certificate.clone().unwrap_or_default(),
            chain: signature.chain.clone(),
            metadata: signature.metadata.clone(),
        }
    }
}

/// Facts about an image besides its signatures.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ImageFacts {
    config: Seen<Value>,
    parent: Seen<Parent>,
    files: Seen<Value>,
}

/// The base image named in an image's manifest.
#[derive(Debug, Clone, PartialEq)]
struct Parent {
    reference: String,
    config: Seen<Value>,
}

impl ImageFacts {
    /// Reads the configurations of the image and of its base image.
    pub(crate) async fn of(
        registry: &Registry,
        image: &DigestReference,
        manifest: &Manifest,
    ) -> Self {
        let own = match platform_manifest(registry, image, manifest.clone()).await {
            Ok(Some(own)) => own,
            Ok(None) => return Self::default(),
            Err(reason) => {
                return Self {
                    config: Seen::Unreadable(reason.clone()),
                    parent: Seen::Unreadable(reason.clone()),
                    files: Seen::Unreadable(reason),
                };
            }
        };
        let config = Seen::from(config(registry, &image.repository, &own).await);
        let files = match config.reason() {
            Some(reason) => Seen::Unreadable(reason.clone()),
            None => files(registry, image, &own, config.value()).await,
        };
        let parent = match parent_reference(&own) {
            Some(reference) => Seen::Value(Parent {
                config: parent_config(registry, &reference).await.into(),
                reference,
            }),
            None => Seen::Absent,
        };
        Self {
            config,
            parent,
            files,
        }
    }

    /// Returns the unreadable facts, by the paths under which rules read them.
    pub(crate) fn unreadable(&self, image: &DigestReference) -> Vec<UnseenFact> {
        let parent = self.parent.value();
        let facts = [
            ("input.image.config", self.config.reason()),
            ("input.image.parent", self.parent.reason()),
            (
                "input.image.parent.config",
                parent.and_then(|parent| parent.config.reason()),
            ),
            ("input.image.files", self.files.reason()),
        ];
        let unreadable = facts.into_iter().filter_map(|(fact, reason)| {
            Some(UnseenFact {
                fact: fact.to_owned(),
                of: image.to_string(),
                reason: reason?.clone(),
            })
        });
        unreadable.collect()
    }
}

/// Returns the manifest itself, or that for linux/amd64 of an index.
async fn platform_manifest(
    registry: &Registry,
    image: &DigestReference,
    manifest: Manifest,
) -> Result<Option<ImageManifest>, UnseenReason> {
    let index = match manifest.content()? {
        Content::Image(image) => return Ok(Some(image)),
        Content::Index(index) => index,
    };
    let wanted = index.manifests.iter().find(|child| {
        child
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "linux" && platform.architecture == "amd64")
    });
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let version = Version::Digest(wanted.digest);
    let child = registry.manifest(&image.repository, &version).await?;
    let child = child.ok_or_else(|| {
        let missing = image.repository.pinned(wanted.digest);
        UnseenReason::missing(format!("image {missing} not found"))
    })?;
    match child.content()? {
        Content::Image(image) => Ok(Some(image)),
        Content::Index(_) => Ok(None),
    }
}

async fn config(
    registry: &Registry,
    repository: &Repository,
    manifest: &ImageManifest,
) -> Result<Option<Value>, UnseenReason> {
    let bytes = registry
        .blob(repository, &manifest.config, MAX_CONFIG)
        .await?;
    let Some(Value::Object(document)) = manifest.read_config(&bytes)? else {
        return Ok(None);
    };
    let own = document.get("config").and_then(Value::as_object);
    let mut shown = Map::new();
    for member in CONFIG_MEMBERS {
        match own.and_then(|own| own.get(member)) {
            Some(value) if !is_zero(value) => drop(shown.insert(member.to_owned(), value.clone())),
            _ => {}
        }
    }
    Ok(Some(Value::Object(shown)))
}

/// Reads the manifests in an operator bundle.
async fn files(
    registry: &Registry,
    image: &DigestReference,
    manifest: &ImageManifest,
    config: Option<&Value>,
) -> Seen<Value> {
    let label = config.and_then(|config| config.get("Labels")?.get(OLM_MANIFESTS)?.as_str());
    let Some(label) = label else {
        return Seen::Absent;
    };
    let directories = [label.to_owned()];
    match layers::documents(registry, &image.repository, manifest, &directories).await {
        Ok(documents) if documents.is_empty() => Seen::Absent,
        Ok(documents) => Seen::Value(Value::Object(documents.into_iter().collect())),
        Err(error) => Seen::Unreadable(error.into()),
    }
}

/// Returns the base image named in the manifest. Builders leave both annotations empty if it is
/// unknown; without a digest the base image is not identified.
fn parent_reference(own: &ImageManifest) -> Option<String> {
    let digest = own.annotations.get(BASE_DIGEST);
    let digest = digest.filter(|digest| !digest.is_empty());
    match (own.annotations.get(BASE_NAME), digest) {
        (Some(name), _) if name.contains('@') => Some(name.clone()),
        (Some(name), Some(digest)) if !name.is_empty() => Some(format!("{name}@{digest}")),
        _ => None,
    }
}

async fn parent_config(registry: &Registry, text: &str) -> Result<Option<Value>, UnseenReason> {
    let parsed: Result<Reference, _> = text.parse();
    let Reference {
        repository, digest, ..
    } = parsed.map_err(|error| UnseenReason::unusable(format!("base image {text:?}: {error}")))?;
    let Some(digest) = digest else {
        return Ok(None);
    };
    let version = Version::Digest(digest);
    let parent = repository.pinned(digest);
    let manifest = registry.manifest(&repository, &version).await?;
    let manifest =
        manifest.ok_or_else(|| UnseenReason::missing(format!("base image {parent} not found")))?;
    match platform_manifest(registry, &parent, manifest).await? {
        Some(own) => config(registry, &repository, &own).await,
        None => Ok(None),
    }
}

/// Tells whether a value is Go's zero value, which `omitempty` leaves out.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_i64() == Some(0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.is_empty(),
    }
}

/// Returns the Snapshot as rules see it.
pub(crate) fn snapshot(snapshot: &Snapshot) -> Value {
    let components: Vec<_> = snapshot
        .components
        .iter()
        .map(|component| {
            json!({
                "name": component.name,
                "containerImage": component.container_image,
                "source": source(component),
            })
        })
        .collect();
    let mut document = Map::new();
    document.insert(
        "application".to_owned(),
        snapshot.application.clone().into(),
    );
    for member in ["displayName", "displayDescription"] {
        if let Some(value) = snapshot.other.get(member) {
            document.insert(member.to_owned(), value.clone());
        }
    }
    document.insert("components".to_owned(), components.into());
    document.insert("artifacts".to_owned(), json!({}));
    Value::Object(document)
}

/// Returns the source of a component as rules and reports see it.
pub(crate) fn source(component: &Component) -> Value {
    let git = component
        .source
        .as_ref()
        .and_then(|source| source.git.as_ref());
    match git.map(serde_json::to_value) {
        Some(Ok(git)) => json!({"git": git}),
        _ => json!({}),
    }
}

/// Parts of the document besides signatures and attestations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Background<'a> {
    /// The reference of the image, as reports show it.
    pub(crate) image: &'a str,
    pub(crate) pinned: &'a DigestReference,
    pub(crate) facts: &'a ImageFacts,
    pub(crate) component: &'a Component,
    /// All components, as [`snapshot`] shows them.
    pub(crate) snapshot: &'a Value,
    /// The policy's configuration with pinned sources.
    pub(crate) spec: &'a PolicySpec,
}

impl Background<'_> {
    /// Returns the document with these signatures (empty if their check failed) and attestations.
    pub(super) fn document(
        &self,
        signatures: &[VerifiedSignature],
        attestations: &[Attestation],
    ) -> Value {
        let attestations: Vec<_> = attestations.iter().map(attestation).collect();
        let mut image = Map::from_iter([("ref".to_owned(), Value::from(self.image))]);
        if !signatures.is_empty() {
            image.insert("signatures".to_owned(), sigs(signatures));
        }
        let parent = self.facts.parent.value().map(|parent| {
            let mut shown = Map::from_iter([("ref".to_owned(), json!(parent.reference))]);
            let config = parent.config.value().cloned();
            shown.extend(config.map(|config| ("config".to_owned(), config)));
            Value::Object(shown)
        });
        let facts = [
            ("config", self.facts.config.value().cloned()),
            ("parent", parent),
            ("files", self.facts.files.value().cloned()),
        ];
        let facts = facts.into_iter();
        image.extend(facts.filter_map(|(member, value)| Some((member.to_owned(), value?))));
        image.insert("source".to_owned(), source(self.component));
        json!({
            "attestations": attestations,
            "image": image,
            "snapshot": self.snapshot,
            "component_name": self.component.name,
            "policy_spec": self.spec,
        })
    }
}

fn attestation(attestation: &Attestation) -> Value {
    json!({
        "statement": attestation.statement.document(),
        "signatures": sigs(&attestation.signatures),
    })
}

fn sigs(signatures: &[VerifiedSignature]) -> Value {
    let sigs: Vec<_> = signatures.iter().map(Sig::from).collect();
    json!(sigs)
}
