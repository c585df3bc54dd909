//! The header `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use super::header::{HeaderMap, RETRY_AFTER};

/// Returns the pause that a server asks for, in seconds or as a date; `None` without a usable header.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let date = SystemTime::from(date.timestamp());
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_and_dates() {
        let pause = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, SystemTime::UNIX_EPOCH)
        };
        assert_eq!(pause("5"), Some(Duration::from_secs(5)));
        let date = "Thu, 01 Jan 1970 00:00:07 GMT";
        assert_eq!(pause(date), Some(Duration::from_secs(7)));
        assert_eq!(pause("soon"), None);
        assert_eq!(pause("-1"), None);
    }
}
