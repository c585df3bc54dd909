//! Time limits on a peer: for headers, at a low rate, and while it stores a body.

use std::time::Duration;

/// The longest wait for a registry that stores a body.
const MAX_COMMIT: Duration = Duration::from_secs(600);
/// The lowest rate at which a registry stores a body, in bytes per second.
const COMMIT_RATE: u64 = 10 << 20;

/// The time limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waits {
    /// The longest wait for the headers of an answer.
    pub(crate) headers: Duration,
    /// The time over which the rate is measured. Only waiting for the peer is measured.
    pub(crate) window: Duration,
    /// The lowest rate, in bytes per second.
    pub(crate) rate: u64,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(60),
            window: Duration::from_secs(60),
            rate: 1000,
        }
    }
}

impl Waits {
    /// Returns how many bytes must move in a window.
    pub(crate) fn quota(&self) -> u64 {
        self.rate.saturating_mul(self.window.as_secs().max(1))
    }

    /// Returns how long the answer to a body of so many bytes may take once all of it was sent.
    pub(crate) fn commit(&self, size: u64) -> Duration {
        let store = Duration::from_secs(size / COMMIT_RATE);
        self.headers.saturating_add(store).min(MAX_COMMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_documents() {
        let waits = Waits::default();
        assert_eq!(waits.quota(), 60_000);
        assert_eq!(waits.commit(1), Duration::from_secs(60));
        assert_eq!(waits.commit(1 << 30), Duration::from_secs(162));
        assert_eq!(waits.commit(1 << 40), MAX_COMMIT);
    }
}
