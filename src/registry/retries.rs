//! Backoff for failed requests.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    time::Duration,
};

/// The number of retries, and the pauses before them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Retries {
    pub(crate) most: u32,
    /// The pause before the first retry.
    pub(crate) first: Duration,
    /// The factor from each pause to the next.
    pub(crate) factor: f64,
    /// The random part of a pause, from 0 to 1.
    pub(crate) jitter: f64,
    /// The longest pause; a registry may request a longer one.
    pub(crate) longest: Duration,
    /// How long one request may keep failing. A pause that would end later is not made.
    pub(crate) total: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            most: 5,
            first: Duration::from_millis(150),
            factor: 2.0,
            jitter: 1.0 / 3.0,
            longest: Duration::from_secs(20),
            total: Duration::from_secs(120),
        }
    }
}

impl Retries {
    /// Returns the pause before the next attempt.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let longest = self.longest.as_secs_f64();
        let pause = self.first.as_secs_f64() * self.factor.powf(f64::from(attempt));
        let chance = RandomState::new().build_hasher().finish() % 1001;
        let chance = f64::from(u32::try_from(chance).unwrap_or(500)) / 500.0 - 1.0;
        // Out-of-range settings must not remove the pause.
        let pause = if pause.is_nan() {
            longest
        } else {
            pause.min(longest)
        };
        let pause = (pause * (1.0 + self.jitter * chance)).clamp(0.0, longest);
        Duration::try_from_secs_f64(pause).unwrap_or(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let retries = Retries::default();
        for attempt in 0..40 {
            let pause = retries.pause(attempt);
            let middle = Duration::from_millis(150)
                .saturating_mul(1 << attempt.min(10))
                .min(retries.longest);
            let (least, most) = (middle.mul_f64(0.66), middle.mul_f64(1.34));
            assert!(
                pause >= least && pause <= most.min(retries.longest),
                "{attempt}: {pause:?}"
            );
        }
    }

    #[test]
    fn pauses_follow_the_factor_and_the_jitter() {
        let retries = Retries {
            most: 3,
            first: Duration::from_secs(1),
            factor: 1.5,
            jitter: 0.0,
            longest: Duration::from_secs(3),
            ..Retries::default()
        };
        let pauses = [0, 1, 2, 3].map(|attempt| retries.pause(attempt).as_millis());
        assert_eq!(pauses, [1000, 1500, 2250, 3000]);
        let wide = Retries {
            jitter: 1.0,
            ..retries
        };
        let pauses: Vec<_> = (0..200).map(|_| wide.pause(0)).collect();
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(2)));
        assert!(pauses.iter().any(|pause| *pause > retries.first));
        assert!(pauses.iter().any(|pause| *pause < retries.first));
        for factor in [f64::NAN, f64::INFINITY, -2.0, 0.0] {
            let odd = Retries { factor, ..wide };
            assert!((0..40).all(|attempt| odd.pause(attempt) <= odd.longest));
        }
    }
}
