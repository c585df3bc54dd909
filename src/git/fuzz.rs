//! Entry points for `crate::fuzz`: each parses mutated bytes.

use super::history;

/// Parses an advertisement of refs, and an answer with a pack.
pub(crate) fn packets(bytes: &[u8]) {
    history::read_packets(bytes);
}
