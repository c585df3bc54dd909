//! The effective time of rules: now, a given time, or the time at which an image was built.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::policy::config::parse_time;

/// How far in the past a time may be and still be treated as now.
const GRACE: SignedDuration = SignedDuration::from_secs(2);
/// The member of SLSA provenance v0.2 with the end of the build.
const FINISHED: &str = "/predicate/metadata/buildFinishedOn";

/// An effective time that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MomentError {
    #[error(
        "invalid policy time argument: {0:?}, expected now, attestation, RFC 3339 or YYYY-MM-DD"
    )]
    Syntax(String),
    /// The time is in the past, when newer rules were not effective yet.
    #[error("effective time {0} is in the past; use --allow-past-effective-time to override")]
    Past(Timestamp),
}

/// An effective time, the same for all images or derived from each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Fixed(Timestamp),
    /// The end of the build by the latest provenance of the image; else the time of the run.
    OfAttestation {
        now: Timestamp,
    },
}

impl Moment {
    /// Reads `now`, `attestation`, RFC 3339 or a date.
    ///
    /// # Errors
    /// [`MomentError`] for another text, or for a time in the past without permission.
    pub(crate) fn parse(text: &str, allow_past: bool, now: Timestamp) -> Result<Self, MomentError> {
        if text.eq_ignore_ascii_case("now") {
            return Ok(Self::Fixed(now));
        }
        if text.eq_ignore_ascii_case("attestation") {
            return Ok(Self::OfAttestation { now });
        }
        let at = parse_time(text).ok_or_else(|| MomentError::Syntax(text.to_owned()))?;
        if at < now - GRACE && !allow_past {
            return Err(MomentError::Past(at));
        }
        Ok(Self::Fixed(at))
    }

    /// Returns the effective time before any image is examined.
    pub(super) fn start(self) -> Timestamp {
        match self {
            Self::Fixed(at) | Self::OfAttestation { now: at } => at,
        }
    }

    /// Returns the effective time for an image with these statements.
    pub(super) fn of<'a>(self, statements: impl IntoIterator<Item = &'a Value>) -> Timestamp {
        let Self::OfAttestation { now } = self else {
            return self.start();
        };
        let finished = statements.into_iter().filter_map(|statement| {
            let text = statement.pointer(FINISHED).and_then(Value::as_str)?;
            text.parse().ok()
        });
        finished.max().unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_youngest_provenance_decides() {
        let now = at("2026-06-01T00:00:00Z");
        let moment = Moment::parse("Attestation", false, now).unwrap();
        let built = |text: &str| json!({"predicate": {"metadata": {"buildFinishedOn": text}}});
        let statements = [
            built("2026-01-01T00:00:00Z"),
            built("2026-02-01T01:00:00+01:00"),
            built("soon"),
            json!({}),
        ];
        assert_eq!(moment.of(&statements), at("2026-02-01T00:00:00Z"));
        assert_eq!(moment.of(&[json!({})]), now);
        assert_eq!(Moment::Fixed(now).of(&statements), now);
    }

    #[test]
    fn the_past_has_to_be_allowed() {
        let now = at("2026-06-01T00:00:00Z");
        let parse = |text: &str, past| Moment::parse(text, past, now).map_err(|f| f.to_string());
        assert_eq!(
            parse("2026-05-31T23:59:59Z", false),
            Ok(Moment::Fixed(at("2026-05-31T23:59:59Z")))
        );
        assert!(
            parse("2026-05-31", false)
                .unwrap_err()
                .contains("is in the past")
        );
        assert_eq!(
            parse("2026-05-31", true),
            Ok(Moment::Fixed(at("2026-05-31T00:00:00Z")))
        );
        assert!(
            parse("soon", true)
                .unwrap_err()
                .contains("invalid policy time")
        );
    }
}
