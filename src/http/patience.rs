//! Budget for the pauses between attempts of a run, shared by registries, Git hosts and forges.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The longest total time that a run spends between attempts.
const MAX_PAUSES: Duration = Duration::from_secs(600);

/// The pauses that a run may still make. Concurrent pauses are charged once.
#[derive(Debug)]
pub(crate) struct Patience(Mutex<(Duration, Instant)>);

impl Default for Patience {
    fn default() -> Self {
        Self(Mutex::new((MAX_PAUSES, Instant::now())))
    }
}

impl Patience {
    /// Charges a pause that begins now; returns `false` if it exceeds the rest.
    pub(crate) fn spend(&self, pause: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, until) = *state;
        let now = Instant::now();
        let Some(end) = now.checked_add(pause) else {
            return false;
        };
        let more = end.saturating_duration_since(until.max(now));
        let Some(left) = left.checked_sub(more) else {
            return false;
        };
        *state = (left, until.max(end));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_at_the_same_time_count_once_and_end_with_the_budget() {
        let patience = Patience::default();
        for _ in 0..100 {
            assert!(patience.spend(Duration::from_secs(60)));
        }
        assert!(!patience.spend(MAX_PAUSES + Duration::from_secs(60)));
        assert!(patience.spend(Duration::from_secs(590)));
        assert!(!patience.spend(Duration::from_secs(620)));
        assert!(!patience.spend(Duration::MAX));
    }
}
