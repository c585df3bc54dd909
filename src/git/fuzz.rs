//! What `crate::fuzz` feeds with mutated bytes.

use super::history;

/// An advertisement of refs, and an answer with a pack.
pub(crate) fn packets(bytes: &[u8]) {
    history::read_packets(bytes);
}
