//! Random values that are the same for the same arguments in one evaluation, as in Open Policy Agent.

use sha2::{Digest as _, Sha256};

/// Sixteen bytes for a seed and the arguments of a call.
pub(super) fn bytes(seed: u64, key: &str) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(key.as_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let mut found = [0; 16];
    found
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    found
}

/// A number for a seed and the arguments of a call.
pub(super) fn of(seed: u64, key: &str) -> u64 {
    let wide = u128::from_be_bytes(bytes(seed, key));
    u64::try_from(wide >> 64).unwrap_or(0)
}
