//! Extends tags and lists that only grow: `.sig`, `.att`, `.sbom` and the fallback list of referrers.
//!
//! The content of the destination is kept. A document there is extended by the entries of the source that
//! it lacks; a complete one is not written again.

use serde_json::{Value, json};

use super::{Content, Descriptor, Error, Manifest};
use crate::image::MediaType;

/// The change that a side tag of the destination needs.
#[derive(Debug)]
pub(super) enum Growth {
    Complete,
    Write(Manifest),
    /// The two cannot be one document: the destination keeps its own.
    Incompatible(&'static str),
}

/// Unites the document under a side tag of the source with what the destination has there.
///
/// # Errors
/// [`Error::Manifest`] when the source's document cannot be read.
pub(super) fn grown(source: &Manifest, there: Option<&Manifest>) -> Result<Growth, Error> {
    let Some(there) = there else {
        return Ok(Growth::Write(source.clone()));
    };
    if source.digest == there.digest {
        return Ok(Growth::Complete);
    }
    let list = match (source.content()?, there.content()) {
        (Content::Image(_), Ok(Content::Image(_))) => "layers",
        (Content::Index(_), Ok(Content::Index(_))) => "manifests",
        (_, Ok(_)) => return Ok(Growth::Incompatible("one is an index, the other is not")),
        (_, Err(_)) => return Ok(Growth::Incompatible("the destination's cannot be read")),
    };
    let (ours, mut theirs) = (document(source)?, document(there)?);
    // One payload has several signatures, which are annotations of equal layers: the whole
    // descriptor tells entries apart.
    let (entries, present) = (entries(&ours, list), entries(&theirs, list));
    let more: Vec<Value> = entries
        .iter()
        .filter(|entry| !present.contains(entry))
        .cloned()
        .collect();
    if more.is_empty() {
        return Ok(Growth::Complete);
    }
    let covers =
        present.iter().all(|entry| entries.contains(entry)) && annotations_cover(&ours, &theirs);
    if covers {
        return Ok(Growth::Write(source.clone()));
    }
    if let Some(list) = theirs.get_mut(list).and_then(Value::as_array_mut) {
        list.extend(more);
    }
    Ok(Growth::Write(Manifest::new(
        &there.media_type,
        theirs.to_string().into(),
    )))
}

fn document(manifest: &Manifest) -> Result<Value, Error> {
    serde_json::from_slice(&manifest.bytes).map_err(|error| Error::Manifest {
        digest: manifest.digest,
        reason: error.to_string(),
    })
}

fn entries(document: &Value, list: &str) -> Vec<Value> {
    let entries = document.get(list).and_then(Value::as_array);
    entries.cloned().unwrap_or_default()
}

fn annotations_cover(ours: &Value, theirs: &Value) -> bool {
    let theirs = theirs.get("annotations").and_then(Value::as_object);
    theirs.is_none_or(|theirs| {
        theirs
            .iter()
            .all(|(name, value)| ours["annotations"].get(name) == Some(value))
    })
}

/// Extends the fallback list of referrers by further entries.
///
/// # Errors
/// [`Error::Manifest`] when the list there cannot be read.
pub(super) fn extended(index: Option<&Manifest>, added: &[Descriptor]) -> Result<Manifest, Error> {
    let media_type = MediaType::OciIndex.as_str();
    let mut document = match index {
        Some(index) => document(index)?,
        None => json!({"schemaVersion": 2, "mediaType": media_type, "manifests": []}),
    };
    // A list that is null or missing is treated as empty.
    if !document["manifests"].is_array() {
        document["manifests"] = json!([]);
    }
    if let Some(entries) = document.get_mut("manifests").and_then(Value::as_array_mut) {
        for entry in added {
            let entry = serde_json::to_value(entry).map_err(|error| Error::Manifest {
                digest: entry.digest,
                reason: error.to_string(),
            })?;
            entries.push(entry);
        }
    }
    Ok(Manifest::new(media_type, document.to_string().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    fn layer(content: &str, signature: &str) -> Value {
        json!({
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": Digest::of(content.as_bytes()).to_string(), "size": content.len(),
            "annotations": {"dev.cosignproject.cosign/signature": signature},
        })
    }

    fn signatures(layers: &[Value]) -> Manifest {
        let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2});
        let document =
            json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": layers});
        Manifest::new(IMAGE, document.to_string().into())
    }

    fn written(source: &Manifest, there: &Manifest) -> Manifest {
        match grown(source, Some(there)).unwrap() {
            Growth::Write(manifest) => manifest,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_document_that_has_more_is_complete() {
        let (one, two) = (layer("a", "1"), layer("a", "2"));
        let (small, large) = (
            signatures(std::slice::from_ref(&one)),
            signatures(&[two, one.clone()]),
        );
        assert!(matches!(
            grown(&small, Some(&large)).unwrap(),
            Growth::Complete
        ));
        // In the other direction the source covers the destination and is copied unchanged.
        assert_eq!(written(&large, &small).digest, large.digest);
    }

    #[test]
    fn two_signatures_over_one_payload_are_both_kept() {
        let source = signatures(&[layer("payload", "by the builder")]);
        let there = signatures(&[layer("payload", "by the release team")]);
        let both = written(&source, &there);
        let text = String::from_utf8(both.bytes.to_vec()).unwrap();
        assert!(text.contains("by the builder") && text.contains("by the release team"));
        assert!(matches!(
            grown(&source, Some(&both)).unwrap(),
            Growth::Complete
        ));
    }

    #[test]
    fn an_index_never_replaces_signatures() {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
        let index = Manifest::new(INDEX, index.to_string().into());
        let there = signatures(&[layer("a", "1")]);
        for (source, there) in [(&index, &there), (&there, &index)] {
            let growth = grown(source, Some(there)).unwrap();
            assert!(matches!(growth, Growth::Incompatible(_)), "{growth:?}");
        }
    }
}
