//! Verification summaries in the form of Conforma's `ec validate image --vsa`, and the trusted artifact that holds them.

use std::collections::{BTreeMap, BTreeSet};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    commands::{Context, failures::registry_failure, record_failures::record_failure},
    failure::{Failure, Kind, OrFail as _},
    image::{Digest, DigestReference, Reference, Repository, Tag},
    record::StatementKey,
    registry::NewLayer,
    trust::dsse::{IN_TOTO, in_toto_envelope, signed_bytes},
};

const PREDICATE_TYPE: &str = "https://conforma.dev/verification_summary/v1";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The report beside the summaries.
const REPORT: &str = "report-json.json";

/// Flags about summaries.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// Write a verification summary for each image into a new trusted artifact
    #[arg(long)]
    enable_vsa: bool,
    /// The format of the summaries: dsse (signed) or predicate (not signed)
    #[arg(long, value_name = "FORMAT", default_value = "dsse")]
    attestation_format: String,
    /// The key to sign the summaries with: a file, or k8s://[NAMESPACE/]SECRET as cosign writes it
    #[arg(long, value_name = "KEY")]
    vsa_signing_key: Option<String>,
    /// The directory for the summaries in the artifact, as local@DIR
    #[arg(long, value_name = "PLACE", default_value = "local@vsa")]
    vsa_upload: String,
    /// The repository for the new artifact
    #[arg(long, value_name = "REPOSITORY")]
    oci_storage: Option<String>,
}

/// The key and the places of the summaries, checked before anything is verified.
pub(super) struct Summaries {
    /// The key; `None` for unsigned predicates.
    key: Option<StatementKey>,
    /// The directory in the artifact.
    dir: String,
    /// The repository of the artifact; without one the summaries are lost, as in the original.
    storage: Option<Repository>,
}

impl Flags {
    /// Reads the key and checks the places; `None` when no summary is to be written.
    ///
    /// # Errors
    /// [`Kind::Usage`], and those of a key.
    pub(super) async fn summaries(&self, context: &Context) -> Result<Option<Summaries>, Failure> {
        if !self.enable_vsa {
            return Ok(None);
        }
        let key = match (self.attestation_format.as_str(), &self.vsa_signing_key) {
            ("predicate", _) => None,
            ("dsse", Some(reference)) if !reference.is_empty() => {
                let reference = reference.strip_prefix("file://").unwrap_or(reference);
                let key = StatementKey::load(reference, None, &context.env).await;
                Some(key.map_err(record_failure)?)
            }
            ("dsse", _) => {
                let text = "ATTESTATION_FORMAT dsse has no VSA_SIGNING_KEY";
                return Err(Failure::message(Kind::Usage, text).hint(
                    "name the Secret as k8s://NAMESPACE/SECRET, or use the format predicate",
                ));
            }
            (format, _) => {
                let text = format!("ATTESTATION_FORMAT is {format:?}, expected dsse or predicate");
                return Err(Failure::message(Kind::Usage, text));
            }
        };
        Ok(Some(Summaries {
            key,
            dir: directory(&self.vsa_upload)?,
            storage: storage(self.oci_storage.as_deref().unwrap_or_default())?,
        }))
    }
}

/// The last part of the directory of `local@DIR`.
fn directory(upload: &str) -> Result<String, Failure> {
    let dir = upload.strip_prefix("local@").map(|path| {
        let path = path.trim_end_matches('/');
        path.rsplit('/').next().unwrap_or_default()
    });
    match dir {
        Some(dir) if !matches!(dir, "" | "." | "..") => Ok(dir.to_owned()),
        _ => {
            let text = format!("VSA_UPLOAD {upload:?} is not supported");
            Err(Failure::message(Kind::Usage, text)
                .hint("write local@DIR, attest writes summaries into registry and log"))
        }
    }
}

fn storage(text: &str) -> Result<Option<Repository>, Failure> {
    if matches!(text, "" | "empty") {
        return Ok(None);
    }
    let reference = text.parse::<Reference>().or_fail(Kind::Usage);
    let reference = reference.map_err(|failure| failure.context("ociStorage"))?;
    Ok(Some(reference.repository))
}

impl Summaries {
    /// Tells whether the files of the read artifact go into the new one.
    pub(super) fn are_stored(&self) -> bool {
        self.storage.is_some()
    }

    /// Writes the summaries of a report beside the files of the artifact that was read; returns the new artifact's URI.
    ///
    /// # Errors
    /// [`Kind::Bug`] for a report that is not one, those of the registry.
    pub(super) async fn store(
        &self,
        report: &[u8],
        policy: &str,
        mut files: BTreeMap<String, Vec<u8>>,
        context: &Context,
    ) -> Result<Option<String>, Failure> {
        let time = context.clock.written().strftime("%Y-%m-%dT%H:%M:%SZ");
        let parsed: Value = serde_json::from_slice(report).or_fail(Kind::Bug)?;
        for summary in summaries(&parsed, policy, &time.to_string())? {
            let name = format!("{}/{}", self.dir, summary.file);
            if let Some(key) = &self.key {
                let envelope = envelope(key, &summary)?;
                files.insert(format!("{name}.intoto.jsonl"), envelope);
            }
            let text = serde_json::to_vec_pretty(&summary.predicate).or_fail(Kind::Bug)?;
            files.insert(name, text);
        }
        files.insert(format!("{}/{REPORT}", self.dir), report.to_vec());
        let Some(repository) = &self.storage else {
            tracing::warn!("the summaries are not stored: ociStorage is empty");
            return Ok(None);
        };
        let archive = archive(&files).or_fail(Kind::Bug)?;
        let digest = push(repository, archive, context).await?;
        Ok(Some(format!("oci:{repository}@{digest}")))
    }
}

/// The summary of one component.
struct Summary {
    file: String,
    image: DigestReference,
    predicate: Value,
}

/// The summaries of a report, each under a name of its own.
fn summaries(report: &Value, policy: &str, time: &str) -> Result<Vec<Summary>, Failure> {
    let bug = |what: &str| Failure::message(Kind::Bug, format!("the report has no {what}"));
    let components = report["components"]
        .as_array()
        .ok_or_else(|| bug("components"))?;
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for component in components {
        let image = component["containerImage"]
            .as_str()
            .ok_or_else(|| bug("image"))?;
        let image: DigestReference = image.parse().or_fail(Kind::Bug)?;
        let name = component["name"].as_str().unwrap_or_default();
        let mut file = format!(
            "vsa-{}.json",
            if name.is_empty() { "unknown" } else { name }
        );
        file = file.replace('/', "_");
        if !names.insert(file.clone()) {
            file = format!("vsa-{}.json", image.digest.to_string().replace(':', "-"));
            names.insert(file.clone());
        }
        found.push(Summary {
            file,
            predicate: predicate(report, component, components, policy, time),
            image,
        });
    }
    Ok(found)
}

fn predicate(
    report: &Value,
    component: &Value,
    components: &[Value],
    policy: &str,
    time: &str,
) -> Value {
    let name = component["name"].as_str().unwrap_or_default();
    // The images of an index follow it under its name.
    let below = format!("{name}-sha256:");
    let of_index = components.iter().filter(|other| {
        let other = other["name"].as_str().unwrap_or_default();
        !name.is_empty() && other.starts_with(&below)
    });
    let all: Vec<&Value> = std::iter::once(component).chain(of_index).collect();
    let count = |of: &Value, key: &str| of[key].as_array().map_or(0, Vec::len);
    let total = |key: &str| all.iter().map(|of| count(of, key)).sum::<usize>();
    let details: Vec<Value> = all
        .iter()
        .map(|of| {
            json!({
                "Name": of["name"],
                "ImageRef": of["containerImage"],
                "Violations": count(of, "violations"),
                "Warnings": count(of, "warnings"),
                "Successes": count(of, "successes"),
            })
        })
        .collect();
    let images: Vec<&Value> = all.iter().map(|of| &of["containerImage"]).collect();
    let passed = component["success"] == true;
    json!({
        "policy": report["policy"],
        "policySource": policy,
        "imageRefs": images,
        "timestamp": time,
        "status": if passed { "passed" } else { "failed" },
        "verifier": "conforma",
        "summary": {
            "violations": total("violations"),
            "warnings": total("warnings"),
            "successes": total("successes"),
            "Components": details,
            "component": {
                "name": component["name"],
                "containerImage": component["containerImage"],
                "source": component["source"],
            },
        },
        "publicKey": report["key"].as_str().unwrap_or_default(),
    })
}

/// The signed statement about the image.
fn envelope(key: &StatementKey, summary: &Summary) -> Result<Vec<u8>, Failure> {
    let digest = summary.image.digest.to_string();
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("sha256", &digest));
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": PREDICATE_TYPE,
        "subject": [{
            "name": summary.image.repository.to_string(),
            "digest": {algorithm: hex},
        }],
        "predicate": summary.predicate,
    });
    let payload = statement.to_string().into_bytes();
    let signature = key
        .sign(&signed_bytes(IN_TOTO, &payload))
        .map_err(record_failure)?;
    let envelope = in_toto_envelope(&payload, &signature);
    Ok(envelope.to_string().into_bytes())
}

/// The files as a tar archive that is the same each time.
fn archive(files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content.as_slice())?;
    }
    builder.into_inner()?.finish()
}

/// Pushes the archive as the layer of a manifest under a tag of its own, which keeps it; returns its digest.
async fn push(
    repository: &Repository,
    archive: Vec<u8>,
    context: &Context,
) -> Result<Digest, Failure> {
    let digest = Digest::of(&archive);
    let tag = format!("{}.data", digest.to_string().replace(':', "-"));
    let tag: Tag = tag.parse().or_fail(Kind::Bug)?;
    let registry = &context.registry;
    let known = registry
        .read_list(repository, &tag)
        .await
        .map_err(registry_failure)?;
    let layers = [NewLayer {
        media_type: LAYER,
        content: archive.into(),
        annotations: Vec::new(),
    }];
    let pushed = registry.append_layers(repository, &tag, known, &layers);
    pushed.await.map_err(registry_failure)?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    fn report() -> Value {
        let image = |byte: &str| format!("q.example/acme/web@sha256:{}", byte.repeat(32));
        json!({
            "success": false, "key": "PEM", "policy": {"sources": []},
            "components": [
                {"name": "web", "containerImage": image("aa"), "source": {}, "success": true, "successes": [{}, {}]},
                {"name": format!("web-sha256:{}-amd64", "bb".repeat(32)), "containerImage": image("bb"), "success": false,
                 "violations": [{}], "warnings": [{}]},
                {"name": "web", "containerImage": image("cc"), "success": true},
                {"name": "", "containerImage": image("dd"), "success": true},
            ],
        })
    }

    #[test]
    fn a_summary_counts_the_images_of_its_index() {
        let all = summaries(&report(), "github.com/acme/policy", "2026-01-01T00:00:00Z").unwrap();
        let index = &all[0].predicate;
        assert_eq!(index["summary"]["violations"], 1);
        assert_eq!(index["summary"]["successes"], 2);
        assert_eq!(index["summary"]["Components"].as_array().unwrap().len(), 2);
        assert_eq!(index["imageRefs"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&index["status"], &index["verifier"]),
            (&json!("passed"), &json!("conforma"))
        );
        assert_eq!(index["publicKey"], "PEM");
        assert_eq!(all[1].predicate["status"], "failed");
        let files: BTreeSet<_> = all.iter().map(|one| one.file.as_str()).collect();
        assert_eq!(files.len(), 4, "{files:?}");
        assert!(files.contains("vsa-web.json") && files.contains("vsa-unknown.json"));
        assert!(summaries(&json!({}), "", "").is_err());
    }

    #[test]
    fn an_envelope_verifies_over_exactly_its_statement() {
        let key = StatementKey::ephemeral().unwrap();
        let all = summaries(&report(), "p", "t").unwrap();
        let envelope: Value = serde_json::from_slice(&envelope(&key, &all[0]).unwrap()).unwrap();
        let bytes = |pointer: &str| {
            let text = envelope.pointer(pointer).and_then(Value::as_str).unwrap();
            STANDARD.decode(text).unwrap()
        };
        let payload = bytes("/payload");
        let message = signed_bytes(IN_TOTO, &payload);
        assert!(key.verifies(&message, &bytes("/signatures/0/sig")));
        let statement: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(statement["subject"][0]["name"], "q.example/acme/web");
        assert_eq!(statement["subject"][0]["digest"]["sha256"], "aa".repeat(32));
        assert_eq!(statement["predicateType"], PREDICATE_TYPE);
    }

    #[test]
    fn an_archive_is_the_same_each_time_and_reads_back() {
        let files = BTreeMap::from([("vsa/a.json".to_owned(), b"{}".to_vec())]);
        let packed = archive(&files).unwrap();
        assert_eq!(packed, archive(&files).unwrap());
        let read = crate::policy::files_of_archive(&packed, &|_| true).unwrap();
        assert_eq!(read, files);
    }

    #[test]
    fn places_that_are_not_supported_are_refused() {
        assert_eq!(directory("local@/var/workdir/conforma/vsa").unwrap(), "vsa");
        for upload in [
            "rekor@https://rekor.example",
            "vsa",
            "local@",
            "local@/x/..",
        ] {
            assert!(directory(upload).is_err(), "{upload}");
        }
        assert!(storage("empty").unwrap().is_none() && storage("").unwrap().is_none());
        assert_eq!(
            storage("q.example/acme/data:v1")
                .unwrap()
                .unwrap()
                .to_string(),
            "q.example/acme/data"
        );
        assert!(storage("q.example/ACME").is_err());
    }
}
