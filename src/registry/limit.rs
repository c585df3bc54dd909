//! Limits the concurrent transfers with one host: additive increase, multiplicative decrease.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

/// The initial number of transfers with a host.
const START: f64 = 6.0;

/// The transfer limits of all hosts.
#[derive(Debug)]
pub(super) struct Limits {
    most: usize,
    hosts: Mutex<BTreeMap<String, Arc<Limit>>>,
}

impl Limits {
    /// Allows at most `most` transfers with each host.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            hosts: Mutex::default(),
        }
    }

    /// Returns the transfer limit of a host.
    pub(super) fn of(&self, host: &str) -> Arc<Limit> {
        let hosts = self.hosts.lock();
        let mut hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        let limit = hosts.entry(host.to_owned());
        Arc::clone(limit.or_insert_with(|| Arc::new(Limit::new(self.most))))
    }
}

/// The adaptive transfer limit of one host.
#[derive(Debug)]
pub(super) struct Limit {
    state: Mutex<LimitState>,
    most: f64,
    freed: Notify,
    answered: AtomicBool,
}

#[derive(Debug)]
struct LimitState {
    allowed: f64,
    active: usize,
    /// Number of decreases: a transfer that started before one says nothing about the limit after it.
    epoch: u64,
}

impl Limit {
    fn new(most: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a handful of transfers")]
        let most = most as f64;
        let state = LimitState {
            allowed: START.min(most),
            active: 0,
            epoch: 0,
        };
        Self {
            state: Mutex::new(state),
            most,
            freed: Notify::new(),
            answered: AtomicBool::new(false),
        }
    }

    /// Records that the host has answered at least once.
    pub(super) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Tells whether the host ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, LimitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a transfer may start.
    pub(super) async fn enter(self: &Arc<Self>) -> Permit {
        loop {
            let freed = self.freed.notified();
            if let Some(permit) = self.try_enter() {
                return permit;
            }
            freed.await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Permit> {
        let mut state = self.state();
        #[expect(clippy::cast_precision_loss, reason = "a handful of transfers")]
        let room = (state.active as f64) + 1.0 <= state.allowed.max(1.0);
        room.then(|| {
            state.active += 1;
            Permit {
                epoch: state.epoch,
                limit: Arc::clone(self),
            }
        })
    }

    /// Returns the epoch in which a request starts.
    pub(super) fn epoch(&self) -> u64 {
        self.state().epoch
    }

    /// Halves the limit, once for all requests of an epoch.
    pub(super) fn throttled(&self, epoch: u64) {
        let mut state = self.state();
        if state.epoch == epoch {
            state.epoch += 1;
            state.allowed = (state.allowed / 2.0).max(1.0);
        }
    }
}

/// A running transfer; dropping it frees its slot.
#[derive(Debug)]
pub(super) struct Permit {
    limit: Arc<Limit>,
    epoch: u64,
}

impl Permit {
    /// Records a successful transfer, which raises the limit a little.
    pub(super) fn went_well(&self) {
        let mut state = self.limit.state();
        if state.epoch == self.epoch {
            state.allowed = (state.allowed + 1.0 / state.allowed).min(self.limit.most);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limit.state().active -= 1;
        self.limit.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_success_up_to_the_most_and_halves_once_per_epoch() {
        let limit = Limits::new(16).of("r");
        for _ in 0..1000 {
            let permit = limit.try_enter().unwrap();
            permit.went_well();
        }
        assert!((limit.state().allowed - 16.0).abs() < 0.1);
        let epoch = limit.epoch();
        limit.throttled(epoch);
        limit.throttled(epoch);
        assert!((limit.state().allowed - 8.0).abs() < 0.1);
        for _ in 0..10 {
            limit.throttled(limit.epoch());
        }
        let permit = limit.try_enter();
        assert!(permit.is_some(), "one transfer is always allowed");
        assert!(limit.try_enter().is_none());
    }

    #[tokio::test]
    async fn a_waiting_transfer_starts_when_one_ends() {
        let limit = Limits::new(1).of("r");
        let first = limit.enter().await;
        let waiting = Arc::clone(&limit);
        let second = tokio::spawn(async move { waiting.enter().await });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap();
    }
}
