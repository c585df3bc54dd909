//! Small builtins over strings: digests, versions, traces.

use regorus::Value;
use sha2::{Digest as _, Sha256};

/// `crypto.sha256(text)`: the digest in hexadecimal.
pub(super) fn sha256(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(text)] => Value::from(hex::encode(Sha256::digest(text.as_bytes()))),
        _ => Value::Undefined,
    }
}

/// `semver.is_valid(text)`: false for what is no string; one leading `v` is accepted.
pub(super) fn is_semver(arguments: &[Value]) -> Value {
    let valid = match arguments {
        [Value::String(text)] => {
            let version = text.strip_prefix('v').unwrap_or(text);
            semver::Version::parse(version).is_ok()
        }
        _ => false,
    };
    Value::from(valid)
}

/// `trace(note)`: always true; the note goes to the log.
pub(super) fn trace(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(note)] => {
            tracing::trace!(%note, "note of a policy");
            Value::from(true)
        }
        _ => Value::Undefined,
    }
}
