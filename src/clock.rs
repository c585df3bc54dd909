//! The time that goes into files and commits.
//!
//! `SOURCE_DATE_EPOCH` fixes it, so that a run can be reproduced byte for byte. Checks that
//! protect something (an expired trust root, a signature from the future) ask the system.

use jiff::Timestamp;

use crate::env::Env;

/// Tells the time of the run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    fixed: Option<Timestamp>,
}

/// `SOURCE_DATE_EPOCH` is no number of seconds.
#[derive(Debug, thiserror::Error)]
#[error("SOURCE_DATE_EPOCH is {text:?}: expected seconds since 1970-01-01")]
pub(crate) struct Error {
    text: String,
}

impl Clock {
    /// Reads `SOURCE_DATE_EPOCH`.
    ///
    /// # Errors
    /// When it is set to anything but a number of seconds.
    pub(crate) fn new(env: &Env) -> Result<Self, Error> {
        let Some(text) = env.get("SOURCE_DATE_EPOCH") else {
            return Ok(Self::default());
        };
        let seconds = text.parse().ok();
        let fixed = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        match fixed {
            Some(_) => Ok(Self { fixed }),
            None => Err(Error {
                text: text.to_owned(),
            }),
        }
    }

    /// Now, or the fixed time.
    pub(crate) fn now(self) -> Timestamp {
        self.fixed.unwrap_or_else(Timestamp::now)
    }
}
