//! Alterations of copies of real signatures, with the text of each refusal.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// A layer with its annotations.
pub(super) struct Evidence {
    pub(super) bytes: Vec<u8>,
    pub(super) annotations: Value,
}

pub(super) type Alter = fn(&mut Evidence);

impl Evidence {
    /// Changes the document of a bundle.
    fn bundle(&mut self, change: impl FnOnce(&mut Value)) {
        let Ok(mut document) = serde_json::from_slice::<Value>(&self.bytes) else {
            return;
        };
        if document.get("verificationMaterial").is_some() {
            let before = document.clone();
            change(&mut document);
            if document != before {
                self.bytes = document.to_string().into_bytes();
            }
        }
    }

    /// Changes the log's entry beside a legacy signature.
    fn annotated(&mut self, change: impl FnOnce(&mut Value)) {
        if let Some(text) = self.annotations.pointer_mut(LOGGED) {
            let mut entry: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            change(&mut entry);
            *text = entry.to_string().into();
        }
    }

    /// Changes the document of a bare envelope.
    fn envelope(&mut self, change: impl FnOnce(&mut Value)) {
        let Ok(mut document) = serde_json::from_slice::<Value>(&self.bytes) else {
            return;
        };
        if document.get("payloadType").is_some() {
            change(&mut document);
            self.bytes = document.to_string().into_bytes();
        }
    }
}

/// Flips a bit in the middle of a base64 text, if it is there.
pub(super) fn flip(value: Option<&mut Value>) {
    if let Some(value) = value
        && let Some(text) = value.as_str()
        && let Ok(mut bytes) = STANDARD.decode(text)
        && !bytes.is_empty()
    {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        *value = STANDARD.encode(bytes).into();
    }
}

/// Replaces a part of a base64 text, if it is there.
fn replace(value: Option<&mut Value>, from: &str, to: &str) {
    if let Some(value) = value
        && let Some(text) = value.as_str()
    {
        let bytes = STANDARD.decode(text).unwrap();
        let text = String::from_utf8(bytes).unwrap().replace(from, to);
        *value = STANDARD.encode(text).into();
    }
}

const SIGNATURE: &str = "/dev.cosignproject.cosign~1signature";
const CERTIFICATE: &str = "/dev.sigstore.cosign~1certificate";
const LOGGED: &str = "/dev.sigstore.cosign~1bundle";
const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

fn entry(bundle: &mut Value, field: &str, change: impl FnOnce(&mut Value)) {
    if let Some(value) = bundle.pointer_mut(&format!("{ENTRY}{field}")) {
        change(value);
    }
}

/// Each alteration with what the refusal says; several where formats differ.
#[expect(
    clippy::too_many_lines,
    reason = "a table, one row for each alteration"
)]
pub(super) fn alterations() -> Vec<(&'static str, Alter, &'static [&'static str])> {
    vec![
        (
            "a byte of the signature",
            |e| {
                e.bundle(|b| flip(b.pointer_mut("/dsseEnvelope/signatures/0/sig")));
                e.envelope(|d| flip(d.pointer_mut("/signatures/0/sig")));
                flip(e.annotations.pointer_mut(SIGNATURE));
            },
            &[
                "does not verify",
                "cannot be read",
                "is for another",
                "the timestamp is wrong",
            ],
        ),
        (
            "the image in the payload",
            |e| {
                let other = "0".repeat(64);
                let swap = |value: Option<&mut Value>| {
                    let Some(value) = value else { return };
                    let payload = STANDARD.decode(value.as_str().unwrap()).unwrap();
                    let payload: Value = serde_json::from_slice(&payload).unwrap();
                    let sha256 = payload["subject"][0]["digest"]["sha256"]
                        .as_str()
                        .unwrap()
                        .to_owned();
                    replace(Some(value), &sha256, &other);
                };
                e.bundle(|b| swap(b.pointer_mut("/dsseEnvelope/payload")));
                e.envelope(|d| swap(d.pointer_mut("/payload")));
                let Ok(text) = String::from_utf8(e.bytes.clone()) else {
                    return;
                };
                if let Ok(document) = serde_json::from_str::<Value>(&text)
                    && let Some(digest) =
                        document["critical"]["image"]["docker-manifest-digest"].as_str()
                {
                    e.bytes = text
                        .replace(digest, &format!("sha256:{other}"))
                        .into_bytes();
                }
            },
            &[
                "does not verify",
                "no subject of the statement",
                "is for another",
            ],
        ),
        (
            "the predicate type",
            |e| {
                e.bundle(|b| {
                    replace(
                        b.pointer_mut("/dsseEnvelope/payload"),
                        "predicateType\":\"https://",
                        "predicateType\":\"http://",
                    );
                });
                e.envelope(|d| {
                    replace(
                        d.pointer_mut("/payload"),
                        "predicateType\":\"https://",
                        "predicateType\":\"http://",
                    );
                });
            },
            &["does not verify", "no signatures found", "is for another"],
        ),
        (
            "a byte of the certificate",
            |e| {
                e.bundle(|b| flip(b.pointer_mut("/verificationMaterial/certificate/rawBytes")));
                if let Some(pem) = e.annotations.pointer_mut(CERTIFICATE) {
                    let lines: Vec<_> = pem.as_str().unwrap().trim().lines().collect();
                    let [begin, body @ .., end] = &lines[..] else {
                        return;
                    };
                    let mut der: Value = body.concat().into();
                    flip(Some(&mut der));
                    *pem = format!("{begin}\n{}\n{end}\n", der.as_str().unwrap()).into();
                }
            },
            &[
                "not trusted",
                "cannot be read",
                "log timestamp is wrong",
                "does not verify",
                "is for another",
            ],
        ),
        (
            "a byte of the logged entry",
            |e| {
                e.bundle(|b| entry(b, "/canonicalizedBody", |value| flip(Some(value))));
                e.annotated(|entry| flip(entry.pointer_mut("/Payload/body")));
            },
            &[
                "the signed entry timestamp is wrong",
                "the inclusion proof is wrong",
                "cannot be read",
                "is for another",
            ],
        ),
        (
            "the promise of the entry",
            |e| e.annotated(|entry| flip(entry.pointer_mut("/SignedEntryTimestamp"))),
            &["the signed entry timestamp is wrong"],
        ),
        (
            "the time of the entry",
            |e| {
                e.annotated(|entry| {
                    let time = &mut entry["Payload"]["integratedTime"];
                    *time = (time.as_i64().unwrap() + 1).into();
                });
            },
            &["the signed entry timestamp is wrong"],
        ),
        (
            "the index of the entry",
            |e| {
                e.bundle(|b| entry(b, "", |entry| entry["logIndex"] = "1000000".into()));
            },
            &[
                "the inclusion proof is wrong",
                "the checkpoint is wrong",
                "cannot be read",
            ],
        ),
        (
            "a hash of the proof",
            |e| {
                e.bundle(|b| entry(b, "/inclusionProof/hashes/0", |value| flip(Some(value))));
            },
            &["the inclusion proof is wrong"],
        ),
        (
            "the checkpoint's signature",
            |e| {
                e.bundle(|b| {
                    entry(b, "/inclusionProof/checkpoint/envelope", |value| {
                        let text = value.as_str().unwrap();
                        let (rest, signature) = text.trim_end().rsplit_once(' ').unwrap();
                        let mut signature: Value = signature.into();
                        flip(Some(&mut signature));
                        *value = format!("{rest} {}\n", signature.as_str().unwrap()).into();
                    });
                });
            },
            &["the checkpoint is wrong"],
        ),
        (
            "the checkpoint's root",
            |e| {
                e.bundle(|b| {
                    entry(b, "/inclusionProof/checkpoint/envelope", |value| {
                        let mut lines: Vec<_> =
                            value.as_str().unwrap().lines().map(str::to_owned).collect();
                        let mut root: Value = lines[2].clone().into();
                        flip(Some(&mut root));
                        lines[2] = root.as_str().unwrap().to_owned();
                        *value = (lines.join("\n") + "\n").into();
                    });
                });
            },
            &["the inclusion proof is wrong", "the checkpoint is wrong"],
        ),
        (
            "no log entry",
            |e| {
                e.bundle(|b| {
                    if b.pointer(ENTRY).is_some() {
                        b["verificationMaterial"]["tlogEntries"] = Value::Array(Vec::new());
                    }
                });
                if let Some(annotations) = e.annotations.as_object_mut() {
                    annotations.remove(&LOGGED[1..].replace("~1", "/"));
                }
            },
            &["no transparency log entry", "nothing proves the time"],
        ),
        (
            "a byte of the timestamp",
            |e| {
                e.bundle(|b| flip(b.pointer_mut(
                "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp",
            )));
            },
            &["the timestamp is wrong", "cannot be read"],
        ),
        (
            "an older version of the bundle",
            |e| {
                e.bundle(|b| {
                    b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
                });
            },
            &["expected v0.3", "cannot be read"],
        ),
        (
            "another payload type",
            |e| {
                e.bundle(|b| b["dsseEnvelope"]["payloadType"] = "application/json".into());
                e.envelope(|d| d["payloadType"] = "application/json".into());
            },
            &["payload type"],
        ),
    ]
}
