//! The document that rules see as `input` (Conforma's policy input).
//!
//! Statements are passed on as they were signed. What comes from the registry besides them (the
//! image's configuration, its parent) is looked up as well as it can be had: a rule that needs
//! it says no when it is not there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{config::Spec, layers};
use crate::{
    image::{DigestReference, Reference},
    registry::{self, Content, ImageManifest, Manifest, Registry, Version},
    snapshot::{Component, Snapshot},
    trust::{Attestation, Signature},
};

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// The label by which the bundle of an operator says where its manifests are.
const OLM_MANIFESTS: &str = "operators.operatorframework.io.bundle.manifests.v1";
/// The largest image configuration that is read, in bytes.
const MAX_CONFIG: u64 = 4 << 20;

/// The members of an image's configuration that rules see, in upstream's order.
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
    /// The signature in base64.
    #[serde(default)]
    pub(crate) sig: String,
    /// The certificate as PEM.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) certificate: String,
    /// The issuing certificates as PEM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) chain: Vec<String>,
    /// What the certificate says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

impl From<&Signature> for Sig {
    fn from(signature: &Signature) -> Self {
        Self {
            keyid: signature.keyid.clone(),
            sig: signature.sig.clone(),
            certificate: signature.certificate.clone().unwrap_or_default(),
            chain: signature.chain.clone(),
            metadata: signature.metadata.clone(),
        }
    }
}

/// What is known of an image besides its signatures.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    config: Option<Value>,
    parent: Option<Value>,
    files: Option<Value>,
}

impl Facts {
    /// Looks up the image's configuration and that of the image it was built on.
    pub(crate) async fn of(
        registry: &Registry,
        image: &DigestReference,
        manifest: &Manifest,
    ) -> Self {
        match Self::look_up(registry, image, manifest).await {
            Ok(facts) => facts,
            Err(error) => {
                tracing::warn!(%image, %error, "the image's configuration is not known to the rules");
                Self::default()
            }
        }
    }

    async fn look_up(
        registry: &Registry,
        image: &DigestReference,
        manifest: &Manifest,
    ) -> Result<Self, registry::Error> {
        let Some(own) = platform_manifest(registry, image, manifest.clone()).await? else {
            return Ok(Self::default());
        };
        let mut facts = Self {
            config: config(registry, image, &own).await?,
            ..Self::default()
        };
        facts.files = files(registry, image, &own, facts.config.as_ref()).await;
        // Builders write both annotations empty when they do not know. Without a digest nothing
        // says which image it was.
        let digest = own
            .annotations
            .get(BASE_DIGEST)
            .filter(|digest| !digest.is_empty());
        let text = match (own.annotations.get(BASE_NAME), digest) {
            (Some(name), _) if name.contains('@') => Some(name.clone()),
            (Some(name), Some(digest)) if !name.is_empty() => Some(format!("{name}@{digest}")),
            _ => None,
        };
        if let Some(text) = text {
            let mut parent = Map::from_iter([("ref".to_owned(), Value::from(text.clone()))]);
            match parent_config(registry, &text).await {
                Ok(Some(config)) => drop(parent.insert("config".to_owned(), config)),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%image, %error, "the parent's configuration is not known");
                }
            }
            facts.parent = Some(Value::Object(parent));
        }
        Ok(facts)
    }
}

/// The manifest itself, or the one for linux/amd64 of an index.
async fn platform_manifest(
    registry: &Registry,
    image: &DigestReference,
    manifest: Manifest,
) -> Result<Option<ImageManifest>, registry::Error> {
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
    let child = registry
        .manifest(&image.repository, &Version::Digest(wanted.digest))
        .await?;
    match child.map(|child| child.content()).transpose()? {
        Some(Content::Image(image)) => Ok(Some(image)),
        _ => Ok(None),
    }
}

async fn config(
    registry: &Registry,
    image: &DigestReference,
    manifest: &ImageManifest,
) -> Result<Option<Value>, registry::Error> {
    let bytes = registry
        .blob(&image.repository, &manifest.config, MAX_CONFIG)
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

/// The manifests in the bundle of an operator.
async fn files(
    registry: &Registry,
    image: &DigestReference,
    manifest: &ImageManifest,
    config: Option<&Value>,
) -> Option<Value> {
    let label = config?.get("Labels")?.get(OLM_MANIFESTS)?.as_str()?;
    let directories = [label.to_owned()];
    match layers::documents(registry, &image.repository, manifest, &directories).await {
        Ok(documents) if documents.is_empty() => None,
        Ok(documents) => Some(Value::Object(documents.into_iter().collect())),
        Err(error) => {
            tracing::warn!(%image, %error, "the bundle's manifests are not known to the rules");
            None
        }
    }
}

async fn parent_config(registry: &Registry, text: &str) -> Result<Option<Value>, registry::Error> {
    let Ok(Reference {
        repository,
        tag,
        digest,
    }) = text.parse()
    else {
        return Ok(None);
    };
    let version = match (digest, tag) {
        (Some(digest), _) => Version::Digest(digest),
        (None, Some(tag)) => Version::Tag(tag),
        (None, None) => return Ok(None),
    };
    let Some(manifest) = registry.manifest(&repository, &version).await? else {
        return Ok(None);
    };
    let parent = repository.pinned(manifest.digest);
    match platform_manifest(registry, &parent, manifest).await? {
        Some(own) => config(registry, &parent, &own).await,
        None => Ok(None),
    }
}

/// What Go leaves out of a document.
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

/// The Snapshot as rules see it.
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

/// Where a component was built from, as rules and reports see it.
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

/// What the document is made from besides signatures and attestations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Background<'a> {
    /// The image, as reports name it.
    pub(crate) image: &'a str,
    /// What else is known of it.
    pub(crate) facts: &'a Facts,
    /// The component.
    pub(crate) component: &'a Component,
    /// All components, as [`snapshot`] shows them.
    pub(crate) snapshot: &'a Value,
    /// The policy's configuration, pinned.
    pub(crate) spec: &'a Spec,
}

impl Background<'_> {
    /// The document about these signatures (none when their check failed) and attestations.
    pub(super) fn document(&self, signatures: &[Signature], attestations: &[Attestation]) -> Value {
        let attestations: Vec<_> = attestations.iter().map(attestation).collect();
        let mut image = Map::from_iter([("ref".to_owned(), Value::from(self.image))]);
        if !signatures.is_empty() {
            image.insert("signatures".to_owned(), sigs(signatures));
        }
        let facts = [
            ("config", &self.facts.config),
            ("parent", &self.facts.parent),
            ("files", &self.facts.files),
        ];
        for (member, value) in facts {
            if let Some(value) = value {
                image.insert(member.to_owned(), value.clone());
            }
        }
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

fn sigs(signatures: &[Signature]) -> Value {
    let sigs: Vec<_> = signatures.iter().map(Sig::from).collect();
    json!(sigs)
}
