//! The two times of a run: the verification time, and the time that is written.
//!
//! `SOURCE_DATE_EPOCH` fixes the times that go into files and commits, so that a run can be
//! reproduced byte for byte. Rules, exceptions, certificates and metadata are evaluated at the
//! system's time, which no variable changes.

use jiff::Timestamp;

use crate::env::Env;

/// The commit date of the program's source in seconds, where the build recorded it.
const COMMITTED: Option<&str> = option_env!("PROMOTE_COMMIT_DATE");

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    written: Option<Timestamp>,
}

/// A time that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `SOURCE_DATE_EPOCH` is not a number of seconds.
    #[error("SOURCE_DATE_EPOCH is {text:?}: expected seconds since 1970-01-01")]
    Variable { text: String },
    /// The system's clock is before the program's commit date.
    #[error(
        "this machine's clock says {now}, but the source of this program was committed at {committed}"
    )]
    Behind {
        now: Timestamp,
        committed: Timestamp,
    },
}

impl Clock {
    /// Reads `SOURCE_DATE_EPOCH` and checks the system's clock.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn new(env: &Env) -> Result<Self, Error> {
        check(Timestamp::now(), COMMITTED)?;
        let Some(text) = env.get("SOURCE_DATE_EPOCH") else {
            return Ok(Self::default());
        };
        match seconds(text) {
            None => Err(Error::Variable {
                text: text.to_owned(),
            }),
            written => Ok(Self { written }),
        }
    }

    /// Returns the verification time: the system's.
    #[expect(clippy::unused_self, reason = "the time of a run comes from its clock")]
    pub(crate) fn now(self) -> Timestamp {
        Timestamp::now()
    }

    /// Returns the time for files and commits: the system's, or `SOURCE_DATE_EPOCH`.
    pub(crate) fn written(self) -> Timestamp {
        self.written.unwrap_or_else(Timestamp::now)
    }
}

fn seconds(text: &str) -> Option<Timestamp> {
    let seconds = text.parse().ok()?;
    Timestamp::from_second(seconds).ok()
}

/// Refuses a clock before the source's commit date: expired
/// certificates and exceptions would be valid again.
fn check(now: Timestamp, committed: Option<&str>) -> Result<(), Error> {
    match committed.and_then(seconds) {
        Some(committed) if now < committed => Err(Error::Behind { now, committed }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_sets_what_is_written_and_not_what_is_judged_by() {
        let env = Env::from([("SOURCE_DATE_EPOCH", "1700000000")]);
        let clock = Clock::new(&env).unwrap();
        assert_eq!(clock.written().as_second(), 1_700_000_000);
        assert!(clock.now().as_second() > 1_764_000_000);
        let wrong = Clock::new(&Env::from([("SOURCE_DATE_EPOCH", "yesterday")]));
        assert!(matches!(wrong, Err(Error::Variable { .. })));
    }

    #[test]
    fn refuses_a_clock_before_the_sources_commit() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert!(check(now, None).is_ok());
        assert!(check(now, Some("1700000000")).is_ok());
        let behind = check(now, Some("1700000001"));
        assert!(matches!(behind, Err(Error::Behind { .. })));
    }
}
