//! Signatures of the real cosign against a real private Sigstore: all are accepted, and every
//! altered copy is refused by the reason that names the alteration.
//!
//! The artefacts are frozen in `tests/fixtures`; `tests/interop/sigstore/run` makes new ones and
//! runs the same tests over them (`COSIGN_ARTEFACTS`).

#![expect(clippy::unwrap_used, reason = "a test shows what went wrong and ends")]

mod alterations;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use alterations::{Alter, Evidence, alterations, flip};
use lab::{
    registry::{Options, Server},
    sigstore::Web,
};
use serde_json::Value;

use crate::{
    docs::root,
    harness::{Run, Workdir},
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A row of `cases.tsv`.
struct Case {
    name: String,
    repository: String,
    digest: String,
    key: String,
    subject: String,
    issuer: String,
    command: String,
    predicate_type: String,
    annotation: String,
    log: String,
}

/// A directory of artefacts.
struct Artefacts {
    dir: PathBuf,
    manifests: Vec<(Value, Vec<u8>)>,
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
fn all() -> Vec<Artefacts> {
    let new = std::env::var_os("COSIGN_ARTEFACTS").unwrap_or_default();
    let new = std::env::split_paths(&new).filter(|dir| !dir.as_os_str().is_empty());
    let frozen = ["cosign-v3", "cosign", "cosign-rekor-v1"]
        .map(|name| root().join("tests/fixtures").join(name));
    let dirs = frozen.into_iter().filter(|dir| dir.is_dir()).chain(new);
    dirs.map(Artefacts::read).collect()
}

impl Artefacts {
    fn read(dir: PathBuf) -> Self {
        let index = fs::read(dir.join("layout/index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let manifests = index["manifests"].as_array().unwrap().iter();
        let manifests = manifests
            .map(|entry| (entry.clone(), blob(&dir, &entry["digest"])))
            .collect();
        Self { dir, manifests }
    }

    fn cases(&self) -> Vec<Case> {
        let text = fs::read_to_string(self.dir.join("cases.tsv")).unwrap();
        let rows = text.lines().skip(1).map(|line| {
            let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
            let [
                name,
                repository,
                digest,
                _mode,
                key,
                subject,
                issuer,
                command,
                predicate_type,
                annotation,
                log,
                verdict,
            ] = <[String; 12]>::try_from(fields).unwrap();
            let case = Case {
                name,
                repository,
                digest,
                key,
                subject,
                issuer,
                command,
                predicate_type,
                annotation,
                log,
            };
            (case, verdict)
        });
        // Where cosign refuses what it signed itself, our verdict need not be another.
        rows.filter(|(_, verdict)| verdict == "ok")
            .map(|(case, _)| case)
            .collect()
    }

    /// They were logged by Rekor v1, and stored in the format of its time.
    fn is_legacy(&self) -> bool {
        self.cases().iter().any(|case| case.name.starts_with("v1-"))
    }

    /// The cases whose evidence is complete.
    fn complete(&self) -> Vec<Case> {
        let mut cases = self.cases();
        cases.retain(|case| case.log != "lookup");
        cases
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// A registry with everything.
    fn serve(&self, repository: &str) -> Server {
        let server = Server::start(Options::default()).unwrap();
        for entry in fs::read_dir(self.dir.join("layout/blobs/sha256")).unwrap() {
            server.put_blob(repository, &fs::read(entry.unwrap().path()).unwrap());
        }
        for (entry, bytes) in &self.manifests {
            let tag = entry["annotations"]["org.opencontainers.image.ref.name"].as_str();
            server.put_manifest(repository, tag, entry["mediaType"].as_str().unwrap(), bytes);
        }
        server
    }

    /// The attached artifacts of an image: each manifest with its tag, if it is found by one, and else its digest.
    fn attached(&self, digest: &str) -> Vec<(Option<String>, String, Value)> {
        let prefix = digest.replace(':', "-");
        let mut found = BTreeMap::new();
        for (entry, bytes) in &self.manifests {
            let document: Value = serde_json::from_slice(bytes).unwrap();
            let tag = entry["annotations"]["org.opencontainers.image.ref.name"].as_str();
            let legacy = tag.filter(|tag| tag.starts_with(&format!("{prefix}.")));
            let refers = document["subject"]["digest"] == digest;
            if legacy.is_some() || refers {
                let digest = entry["digest"].as_str().unwrap().to_owned();
                found.insert(bytes.clone(), (legacy.map(str::to_owned), digest, document));
            }
        }
        found.into_values().collect()
    }

    /// A registry with the image alone, to which altered evidence is then attached.
    fn image_alone(&self, case: &Case) -> Server {
        let server = Server::start(Options::default()).unwrap();
        let (entry, bytes) = self
            .manifests
            .iter()
            .find(|(entry, _)| entry["digest"] == case.digest.as_str())
            .unwrap();
        let document: Value = serde_json::from_slice(bytes).unwrap();
        for child in document["manifests"].as_array().into_iter().flatten() {
            server.put_manifest(
                &case.repository,
                None,
                MANIFEST,
                &blob(&self.dir, &child["digest"]),
            );
        }
        for part in document["layers"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([&document["config"]])
        {
            if part.is_object() {
                server.put_blob(&case.repository, &blob(&self.dir, &part["digest"]));
            }
        }
        let media_type = entry["mediaType"].as_str().unwrap();
        server.put_manifest(&case.repository, None, media_type, bytes);
        server
    }

    /// The place of the evidence that is accepted for a case.
    fn origins(&self, case: &Case, server: &Server) -> Vec<String> {
        let mut flags = case.flags(self);
        flags.extend(["--output", "json"].map(str::to_owned));
        let run = case.verify(server, &case.digest, &flags).exits(0);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let found = ["signatures", "attestations"].map(|kind| &report["images"][0][kind]);
        let found = found.iter().flat_map(|list| list.as_array().unwrap());
        found
            .map(|one| one["origin"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Serves the image with nothing but the accepted evidence, altered; `None` when the
    /// alteration meets nothing.
    fn altered(&self, case: &Case, origins: &[String], alter: Alter) -> Option<Server> {
        let server = self.image_alone(case);
        let mut altered = 0;
        for (tag, digest, mut manifest) in self.attached(&case.digest) {
            let mut kept = Vec::new();
            for (number, layer) in manifest["layers"].as_array().unwrap().iter().enumerate() {
                let origin = match &tag {
                    Some(tag) => format!("{tag} layer {number}"),
                    None => format!("referrer {digest}"),
                };
                if !origins.contains(&origin) {
                    continue;
                }
                let mut layer = layer.clone();
                let mut evidence = Evidence {
                    bytes: blob(&self.dir, &layer["digest"]),
                    annotations: layer["annotations"].take(),
                };
                let before = (evidence.bytes.clone(), evidence.annotations.clone());
                alter(&mut evidence);
                if before == (evidence.bytes.clone(), evidence.annotations.clone()) {
                    return None;
                }
                altered += 1;
                layer["size"] = evidence.bytes.len().into();
                layer["digest"] = server.put_blob(&case.repository, &evidence.bytes).into();
                if evidence.annotations.is_null() {
                    layer.as_object_mut().unwrap().remove("annotations");
                } else {
                    layer["annotations"] = evidence.annotations;
                }
                kept.push(layer);
            }
            if kept.is_empty() {
                continue;
            }
            manifest["layers"] = kept.into();
            server.put_blob(
                &case.repository,
                &blob(&self.dir, &manifest["config"]["digest"]),
            );
            let bytes = manifest.to_string().into_bytes();
            server.put_manifest(&case.repository, tag.as_deref(), MANIFEST, &bytes);
        }
        assert_eq!(altered, origins.len(), "{}", case.name);
        Some(server)
    }
}

fn blob(dir: &Path, digest: &Value) -> Vec<u8> {
    let name = digest.as_str().unwrap().trim_start_matches("sha256:");
    fs::read(dir.join("layout/blobs/sha256").join(name)).unwrap()
}

/// Changes what a log answers.
type Lie = fn(&mut Value);

/// The entry that the log answered for a case's signature.
fn log_answer(artefacts: &Artefacts, case: &Case) -> Value {
    let answer = fs::read(artefacts.file(&format!("{}.answer.json", case.name))).unwrap();
    let answer: Vec<Value> = serde_json::from_slice(&answer).unwrap();
    let entries = answer
        .iter()
        .flat_map(|one| one.as_object().unwrap().values());
    entries.into_iter().next().unwrap().clone()
}

impl Case {
    fn flags(&self, artefacts: &Artefacts) -> Vec<String> {
        let mut flags = vec!["--kind".to_owned(), self.command.clone()];
        let mut push = |name: &str, value: String| flags.extend([name.to_owned(), value]);
        if self.subject.is_empty() {
            push("--public-key", artefacts.file(&self.key));
        } else {
            push("--certificate-identity", self.subject.clone());
            push("--certificate-oidc-issuer", self.issuer.clone());
        }
        if self.log != "ignored" {
            push("--trusted-root", artefacts.file("trusted_root.json"));
        }
        if !self.predicate_type.is_empty() {
            push("--type", self.predicate_type.clone());
        }
        if !self.annotation.is_empty() {
            push("--annotation", self.annotation.clone());
        }
        if self.log == "ignored" {
            flags.push("--ignore-rekor".to_owned());
        }
        flags
    }

    /// The answer of the log to a lookup of this signature, if that is how it is found.
    fn log(&self, artefacts: &Artefacts) -> Option<Web> {
        if self.log != "lookup" {
            return None;
        }
        let web = Web::start().unwrap();
        web.serve_entries(vec![log_answer(artefacts, self)]);
        Some(web)
    }

    fn verify(&self, server: &Server, digest: &str, flags: &[String]) -> Run {
        let image = format!("{}/{}@{digest}", server.address(), self.repository);
        let mut arguments = vec!["trust", "verify", &image];
        arguments.extend(flags.iter().map(String::as_str));
        Workdir::new().promote(&arguments)
    }
}

#[test]
fn cosign_signed_and_the_log_is_searched_for_the_entry() {
    let mut asked = 0;
    for artefacts in all() {
        let server = artefacts.serve("acme/app");
        for case in artefacts.cases() {
            let Some(log) = case.log(&artefacts) else {
                continue;
            };
            let flags = case.flags(&artefacts);
            case.verify(&server, &case.digest, &flags)
                .exits(4)
                .prints("no transparency log entry");
            let url = log.url();
            let asking = [&flags[..], &["--rekor-url".to_owned(), url]].concat();
            case.verify(&server, &case.digest, &asking).exits(0);
            // What the log answers is believed no more than what the registry serves.
            let good = log_answer(&artefacts, &case);
            let lies: [(&str, Lie); 3] = [
                ("signed entry timestamp", |e| {
                    flip(e.pointer_mut("/verification/signedEntryTimestamp"));
                }),
                ("signed entry timestamp", |e| flip(e.pointer_mut("/body"))),
                ("inclusion proof", |e| {
                    e["verification"]["inclusionProof"]["logIndex"] = 0.into();
                }),
            ];
            for (says, lie) in lies {
                let mut entry = good.clone();
                lie(&mut entry);
                assert_ne!(entry, good);
                log.serve_entries(vec![entry]);
                let run = case.verify(&server, &case.digest, &asking).exits(4);
                assert!(
                    run.stdout.contains(says) || run.stdout.contains("cannot be read"),
                    "{says}\n{}",
                    run.stdout
                );
            }
            asked += 1;
        }
    }
    assert!(asked >= 1);
}

#[test]
fn cosign_signed_and_every_form_is_accepted() {
    for artefacts in all() {
        let server = artefacts.serve("acme/app");
        let cases = artefacts.complete();
        let least = if artefacts.is_legacy() { 6 } else { 13 };
        assert!(
            cases.len() >= least,
            "{} has few cases",
            artefacts.dir.display()
        );
        for case in cases {
            let flags = case.flags(&artefacts);
            let run = case.verify(&server, &case.digest, &flags);
            assert_eq!(run.code, 0, "{}\n{}\n{}", case.name, run.stdout, run.stderr);
        }
    }
}

#[test]
fn cosign_signed_for_another_identity_or_root() {
    let other_key = root().join("tests/fixtures/chains-oci/cosign.pub");
    for artefacts in all() {
        let server = artefacts.serve("acme/app");
        for case in artefacts.complete() {
            let flags = case.flags(&artefacts);
            let swapped = |name: &str, value: &str| {
                let mut changed = flags.clone();
                let at = changed.iter().position(|flag| flag == name)?;
                changed[at + 1] = value.to_owned();
                Some(case.verify(&server, &case.digest, &changed))
            };
            let other_key = other_key.to_str().unwrap();
            let unknown = "is not trusted";
            let changes = [
                ("--public-key", other_key, "does not verify"),
                (
                    "--certificate-identity",
                    "mallory@evil.example",
                    "expected another signer",
                ),
                (
                    "--certificate-oidc-issuer",
                    "https://evil.example",
                    "expected another signer",
                ),
                ("--trusted-root", "public-good", unknown),
                ("--annotation", "env=test", "lack env=test"),
                (
                    "--type",
                    "vuln",
                    "expected https://cosign.sigstore.dev/attestation/vuln/v1",
                ),
            ];
            let mut met = 0;
            for (name, value, says) in changes {
                if let Some(run) = swapped(name, value) {
                    assert_eq!(run.code, 4, "{} {name}\n{}", case.name, run.stderr);
                    assert!(
                        run.stdout.contains(says),
                        "{} {name}\n{}",
                        case.name,
                        run.stderr
                    );
                    met += 1;
                }
            }
            assert!(met >= 1);
        }
    }
}

#[test]
fn cosign_signed_another_image() {
    for artefacts in all() {
        let cases = artefacts.complete();
        for case in &cases {
            let other = cases
                .iter()
                .find(|other| other.digest != case.digest)
                .unwrap();
            let server = artefacts.image_alone(other);
            for (tag, _, mut manifest) in artefacts.attached(&case.digest) {
                for part in manifest["layers"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .chain([&manifest["config"]])
                {
                    server.put_blob(&case.repository, &blob(&artefacts.dir, &part["digest"]));
                }
                let tag = tag.map(|tag| {
                    let (_, suffix) = tag.rsplit_once('.').unwrap();
                    format!("{}.{suffix}", other.digest.replace(':', "-"))
                });
                if manifest["subject"].is_object() {
                    manifest["subject"]["digest"] = other.digest.as_str().into();
                }
                let bytes = manifest.to_string().into_bytes();
                server.put_manifest(&case.repository, tag.as_deref(), MANIFEST, &bytes);
            }
            let run = case.verify(&server, &other.digest, &case.flags(&artefacts));
            assert_eq!(run.code, 4, "{}\n{}\n{}", case.name, run.stdout, run.stderr);
            let known = [
                "not for this image",
                "no subject of the statement is this image",
            ];
            assert!(
                known.iter().any(|text| run.stdout.contains(text)),
                "{}\n{}",
                case.name,
                run.stderr
            );
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the count is part of what the test proves"
)]
#[test]
fn cosign_signed_and_an_altered_copy_is_refused() {
    let mut refused = BTreeMap::<&str, usize>::new();
    for artefacts in all() {
        let server = artefacts.serve("acme/app");
        for case in artefacts.complete() {
            let origins = artefacts.origins(&case, &server);
            for (what, alter, says) in alterations() {
                // The log is not looked at when it is ignored.
                let of_log = ["entry", "proof", "checkpoint", "timestamp"];
                if case.log == "ignored" && of_log.iter().any(|part| what.contains(part)) {
                    continue;
                }
                let Some(server) = artefacts.altered(&case, &origins, alter) else {
                    continue;
                };
                let run = case.verify(&server, &case.digest, &case.flags(&artefacts));
                let case = format!("{}: {what}\n{}\n{}", case.name, run.stdout, run.stderr);
                assert_eq!(run.code, 4, "{case}");
                assert!(says.iter().any(|text| run.stdout.contains(text)), "{case}");
                *refused.entry(what).or_default() += 1;
            }
        }
    }
    for (what, count) in &refused {
        println!("real signatures refused, altered in {what}: {count}");
    }
    for (what, _, _) in alterations() {
        assert!(refused.contains_key(what), "nothing to alter: {what}");
    }
}
