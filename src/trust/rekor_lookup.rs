//! Looks up entries in a Rekor v1 log that are not stored with a signature, as Tekton Chains before
//! 0.28 left them (Rekor, "entries/retrieve"). A returned entry is verified like a stored one:
//! timestamp, inclusion proof, and that it is for this signature.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Error, fetch, limits, rekor_v1::LogEntry};
use crate::{
    http::{Http, Url},
    image::Digest,
};

/// The largest number of entries that are read from a response.
const MAX_ENTRIES: usize = 32;
/// The largest number of proposals in a request.
const MAX_PROPOSALS: usize = 10;

/// A client of a Rekor v1 log.
#[derive(Debug, Clone)]
pub(crate) struct Rekor {
    http: Http,
    url: Url,
}

impl std::fmt::Display for Rekor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::http::authority(&self.url))
    }
}

impl Rekor {
    /// Makes a client of the log with this base URL.
    ///
    /// # Errors
    /// [`Error::Contradiction`] for an invalid URL.
    pub(crate) fn new(http: Http, base: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Contradiction {
            reason: format!("{base:?} is not the URL of a Rekor log: {reason}"),
        };
        let url = format!("{}/api/v1/log/entries/retrieve", base.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| wrong(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(wrong("expected http:// or https://".to_owned()));
        }
        Ok(Self { http, url })
    }

    /// Returns every entry of the log that may be for the blob, unverified.
    ///
    /// # Errors
    /// [`Error::Remote`]: a failed log is never treated as one without the entry.
    pub(super) async fn entries(
        &self,
        blob: &[u8],
        is_envelope: bool,
        signatures: &[Vec<u8>],
        signers: &[String],
    ) -> Result<Vec<LogEntry>, Error> {
        let mut proposals = Vec::new();
        for signer in signers {
            let signer = STANDARD.encode(signer);
            if is_envelope {
                proposals.extend(envelope_proposals(blob, &signer));
            } else {
                let proposal = |bytes: &Vec<u8>| payload_proposal(blob, bytes, &signer);
                proposals.extend(signatures.iter().map(proposal));
            }
        }
        proposals.truncate(MAX_PROPOSALS);
        let question = json!({"entries": proposals}).to_string();
        let answer = fetch::post(&self.http, &self.url, question, limits::LOG_ANSWER).await?;
        let answer: Vec<Value> =
            serde_json::from_slice(&answer).map_err(|error| Error::Remote {
                url: self.url.to_string(),
                reason: format!("its response cannot be read: {error}"),
            })?;
        let entries = answer
            .iter()
            .filter_map(Value::as_object)
            .flat_map(|entry| entry.values());
        let entries = entries.take(MAX_ENTRIES);
        Ok(entries
            .filter_map(|entry| LogEntry::from_answer(entry).ok())
            .collect())
    }
}

fn payload_proposal(payload: &[u8], signature: &[u8], signer: &str) -> Value {
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": Digest::of(payload).hex()}},
        "signature": {"content": STANDARD.encode(signature), "publicKey": {"content": signer}},
    }})
}

fn envelope_proposals(envelope: &[u8], signer: &str) -> [Value; 2] {
    let text = String::from_utf8_lossy(envelope);
    [
        json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "proposedContent": {"envelope": text, "verifiers": [signer]},
        }}),
        json!({"apiVersion": "0.0.1", "kind": "intoto", "spec": {
            "content": {"envelope": text}, "publicKey": signer,
        }}),
    ]
}
