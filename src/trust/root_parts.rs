//! Checks the parts of a trusted root separately, so that a malformed or duplicate part does not make
//! the others unusable.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sigstore_verify::{Verifier, trust_root::TrustedRoot};

/// The members of a trusted root that are lists.
const LISTS: [&str; 4] = [
    "tlogs",
    "ctlogs",
    "certificateAuthorities",
    "timestampAuthorities",
];
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/// Removes the parts that cannot be used, with a warning for each. A root without any usable part is
/// not changed, so that parsing it fails.
pub(super) fn usable(mut root: Value, origin: &str) -> Value {
    let mut kept = 0;
    let before = root.clone();
    for list in LISTS {
        let Some(elements) = root.get_mut(list).and_then(Value::as_array_mut) else {
            continue;
        };
        let whole = std::mem::take(elements);
        let doubled = doubled(&whole);
        for (at, element) in whole.into_iter().enumerate() {
            let problem = match (id(&element), readable(list, &element)) {
                (_, Err(reason)) => Some(reason),
                (Some(id), Ok(())) if doubled.contains_key(&id) => {
                    let first = doubled.get(&id).copied().flatten();
                    let text = "another log has the same identifier".to_owned();
                    (first != Some(at)).then_some(text)
                }
                _ => None,
            };
            match problem {
                Some(reason) => {
                    tracing::warn!(
                        "{list}[{at}] of the trusted root {origin} is left out: {reason}"
                    );
                }
                None => elements.push(element),
            }
        }
        kept += elements.len();
    }
    if kept == 0 { before } else { root }
}

/// Checks that the library can parse a root with only this part.
fn readable(list: &str, element: &Value) -> Result<(), String> {
    let alone = json!({"mediaType": MEDIA_TYPE, list: [element]}).to_string();
    let root = TrustedRoot::from_json(&alone).map_err(|error| error.to_string())?;
    Verifier::new(&root).map_err(|error| error.to_string())?;
    let unreadable =
        |list: &str| list == "tlogs" && root.rekor_keys().is_ok_and(|keys| keys.is_empty());
    if unreadable(list) {
        return Err("its key cannot be read".to_owned());
    }
    Ok(())
}

fn id(element: &Value) -> Option<String> {
    let id = element.pointer("/logId/keyId").and_then(Value::as_str)?;
    Some(id.to_owned())
}

/// Returns the identifiers of several logs, with the log to keep: the first, if all have the same key.
fn doubled(elements: &[Value]) -> BTreeMap<String, Option<usize>> {
    let mut by_id = BTreeMap::<String, Vec<usize>>::new();
    for (at, element) in elements.iter().enumerate() {
        if let Some(id) = id(element) {
            by_id.entry(id).or_default().push(at);
        }
    }
    by_id.retain(|_, places| places.len() > 1);
    let key = |at: &usize| {
        elements
            .get(*at)
            .and_then(|log| log.pointer("/publicKey/rawBytes"))
    };
    let kept = by_id.into_iter().map(|(id, places)| {
        let first = places.first().copied();
        let same = places
            .iter()
            .all(|at| key(at) == first.as_ref().and_then(key));
        (id, first.filter(|_| same))
    });
    kept.collect()
}
