//! Reads a host's answer apart from its result: rate limits, and the message of a refusal.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::{
    http::{StatusCode, header::HeaderMap, retry_after},
    text,
};

/// Returns the pause of a rate limit. GitHub also uses 403 for it.
pub(super) fn limit(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let now = SystemTime::now();
    if !matches!(status.as_u16(), 403 | 429 | 503) {
        return None;
    }
    if let Some(wait) = retry_after(headers, now) {
        return Some(wait);
    }
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    if number("x-ratelimit-remaining") != Some(0) {
        return None;
    }
    let reset = UNIX_EPOCH + Duration::from_secs(number("x-ratelimit-reset")?);
    Some(reset.duration_since(now).unwrap_or_default() + Duration::from_secs(1))
}

/// Returns the host's message with a colon before it, or an empty text.
pub(super) fn said(answer: Option<&Value>) -> String {
    let Some(answer) = answer else {
        return String::new();
    };
    let mut words = Vec::new();
    collect(answer, &mut words, 0);
    words.dedup();
    let all = words.join("; ");
    match all.as_str() {
        "" => String::new(),
        all => format!(": {}", text::value(all)),
    }
}

/// Collects the texts of `message`, `error`, `errors` and below.
fn collect(value: &Value, words: &mut Vec<String>, depth: usize) {
    const NAMES: [&str; 7] = [
        "message",
        "error_description",
        "error",
        "errors",
        "detail",
        "base",
        "fields",
    ];
    if depth > 4 {
        return;
    }
    match value {
        Value::String(text) => words.push(text.clone()),
        Value::Array(all) => all
            .iter()
            .take(5)
            .for_each(|one| collect(one, words, depth + 1)),
        Value::Object(members) => {
            for (name, member) in members {
                let is_inner = depth > 0 && member.is_array();
                if NAMES.contains(&name.as_str()) || is_inner {
                    collect(member, words, depth + 1);
                }
            }
        }
        _ => {}
    }
}
