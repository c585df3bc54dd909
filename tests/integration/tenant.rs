//! A tenant of Konflux for the tests: a registry with signed images, the API of a cluster, and a policy.

use std::fs;

use lab::{
    kube::Cluster,
    registry::{Options, Server},
    signer::{self, Image, Key},
};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

/// A commit that components were built from.
pub(crate) const COMMIT: &str = "1f2e3d4c1f2e3d4c1f2e3d4c1f2e3d4c1f2e3d4c";
/// The repository that components were built from.
pub(crate) const SOURCE: &str = "https://git.invalid/shop";
const TYPE: &str = "test.appstudio.openshift.io/type";

/// Refuses an image without an attestation.
const RULE: &str = "package release

import rego.v1

# METADATA
# title: Attested
# description: There is an attestation.
# custom:
#   short_name: attested
deny contains result if {
	count(input.attestations) == 0
	result := {\"code\": \"release.attested\", \"msg\": \"no attestation\"}
}

# METADATA
# title: Complete
# description: Every component is in the Snapshot that rules see.
# custom:
#   short_name: complete
deny contains result if {
	count(input.snapshot.components) < to_number(data.rule_data__configuration__.least)
	result := {\"code\": \"release.complete\", \"msg\": \"the Snapshot is not whole\"}
}
";

/// A registry, a cluster and a directory.
pub(crate) struct Tenant {
    pub(crate) registry: Server,
    pub(crate) cluster: Cluster,
    pub(crate) key: Key,
    pub(crate) dir: Workdir,
}

impl Tenant {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let tenant = Self {
            registry: Server::start(options).unwrap(),
            cluster: Cluster::start().unwrap(),
            key: Key::generate().unwrap(),
            dir: Workdir::new(),
        };
        tenant.cluster.mount(&tenant.dir.path("account")).unwrap();
        tenant.dir.write("policy/release.rego", RULE);
        tenant.dir.write("cosign.pub", tenant.key.public_pem());
        fs::create_dir(tenant.dir.path("data")).unwrap();
        // In a pod a private registry that a Snapshot names needs an entry in the credentials.
        let config = json!({"auths": {tenant.registry.address(): {"auth": "dTpw"}}}).to_string();
        tenant.dir.write("home/.docker/config.json", &config);
        tenant.dir.write("docker/config.json", &config);
        tenant
    }

    /// Pushes an image of a component; another seed is another image.
    pub(crate) fn image(&self, name: &str, seed: &str) -> Image {
        signer::push_image(&self.registry, &format!("builds/{name}"), "build", seed, 1).unwrap()
    }

    /// Pushes an image with labels and annotations.
    pub(crate) fn labelled(&self, name: &str, labels: &Value, annotations: &Value) -> Image {
        let repository = format!("builds/{name}");
        let config =
            json!({"architecture": "amd64", "os": "linux", "created": "2026-08-01T00:00:00Z",
            "config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": []}})
            .to_string();
        let digest = self.registry.put_blob(&repository, config.as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": signer::MANIFEST, "layers": [], "annotations": annotations,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()}})
        .to_string();
        let digest =
            self.registry
                .put_manifest(&repository, None, signer::MANIFEST, manifest.as_bytes());
        Image {
            repository,
            digest,
            size: manifest.len(),
            media_type: signer::MANIFEST,
        }
    }

    /// Signs an image and attests its provenance.
    pub(crate) fn sign_and_attest(&self, image: &Image) {
        signer::sign(&self.registry, image, &self.key).unwrap();
        let statement = signer::provenance(image, SOURCE, COMMIT);
        signer::attest(&self.registry, image, &self.key, &[statement]).unwrap();
    }

    pub(crate) fn signed(&self, name: &str, seed: &str) -> Image {
        let image = self.image(name, seed);
        self.sign_and_attest(&image);
        image
    }

    pub(crate) fn reference(&self, image: &Image) -> String {
        format!(
            "{}/{}@{}",
            self.registry.address(),
            image.repository,
            image.digest
        )
    }

    /// A component of a Snapshot.
    pub(crate) fn component(&self, name: &str, image: &Image) -> Value {
        json!({"name": name, "containerImage": self.reference(image),
            "source": {"git": {"url": SOURCE, "revision": COMMIT, "context": "./", "dockerfileUrl": "Containerfile"}}})
    }

    /// Stores a Snapshot in the cluster.
    pub(crate) fn snapshot(&self, name: &str, components: &[Value]) -> Value {
        let snapshot = json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot",
            "metadata": {"namespace": "tenant", "name": name, "labels": {TYPE: "override"}},
            "spec": {"application": "shop", "components": components}});
        self.cluster.put(snapshot.clone());
        snapshot
    }

    /// Stores a ReleasePlan and a Release of it for a Snapshot.
    pub(crate) fn release(&self, snapshot: &str, data: &Value) {
        self.cluster.put(
            json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "ReleasePlan",
            "metadata": {"namespace": "tenant", "name": "plan"},
            "spec": {"application": "shop", "data": data}}),
        );
        self.cluster.put(json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
            "metadata": {"namespace": "tenant", "name": "rel", "creationTimestamp": "2026-08-05T10:00:00Z"},
            "spec": {"releasePlan": "plan", "snapshot": snapshot},
            "status": {"artifacts": {"theirs": {"kept": true}}, "conditions": [{"type": "Validated"}]}}));
    }

    /// The mapping of components to `released/NAME` with tags.
    pub(crate) fn mapping(&self, names: &[&str], tags: &[&str]) -> Value {
        let at = self.registry.address();
        let components = names.iter().map(|name| {
            json!({"name": name, "repositories": [{"url": format!("{at}/released/{name}"), "tags": tags}]})
        });
        json!({"mapping": {"components": components.collect::<Vec<_>>()}})
    }

    /// Runs the program in a pod of the tenant.
    pub(crate) fn promote(&self, arguments: &[&str]) -> Run {
        let mut command = self.dir.command();
        for (name, value) in self.cluster.env() {
            command.env(name, value);
        }
        let all = [arguments, &["--data-dir=data", "--results-dir=results"]].concat();
        Run::of(command.args(all).output().unwrap())
    }

    /// Plans the Release of the cluster.
    pub(crate) fn plan(&self, flags: &[&str]) -> Run {
        let own = [
            "plan-release",
            "--snapshot=k8s:tenant/snap",
            "--release=k8s:tenant/rel",
            "--release-plan=k8s:plan",
            "--service-account=account",
        ];
        self.promote(&[&own, flags].concat())
    }

    pub(crate) fn verify(&self, flags: &[&str]) -> Run {
        let own = [
            "verify-ec",
            "--policy=policy",
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ];
        self.promote(&[&own, flags].concat())
    }

    /// Pushes what was planned and verified.
    pub(crate) fn push(&self, flags: &[&str]) -> Run {
        self.promote(
            &[
                &["copy-image", "--release=file:release.json", "--retries=0"],
                flags,
            ]
            .concat(),
        )
    }

    pub(crate) fn result(&self, name: &str) -> String {
        self.dir.read(&format!("results/{name}"))
    }

    /// The tags below `released/` with their digests.
    pub(crate) fn released(&self) -> Vec<(String, String)> {
        let tags = self.registry.tags().into_iter();
        tags.filter_map(|(tag, digest)| Some((tag.strip_prefix("released/")?.to_owned(), digest)))
            .filter(|(tag, _)| !tag.contains(":sha256-"))
            .collect()
    }

    /// How many requests changed something in the registry.
    pub(crate) fn writes(&self) -> usize {
        let requests = self.registry.requests();
        let writes = requests
            .iter()
            .filter(|request| request.method == "PUT" || request.method == "PATCH");
        writes.count()
    }
}
