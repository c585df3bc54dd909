//! Log lines as Go's logrus writes them: `time="…" level=warning msg="…" name=value`.

use std::fmt;

use jiff::{Timestamp, Unit};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Formats each event as one line of logrus.
pub(super) struct LogrusLine;

impl<S, N> FormatEvent<S, N> for LogrusLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut fields = LogrusFields::default();
        event.record(&mut fields);
        fields.others.sort();
        let now = Timestamp::now();
        let now = now.round(Unit::Second).unwrap_or(now);
        write!(
            writer,
            "time=\"{now}\" level={level} msg={}",
            quoted(&fields.message)
        )?;
        for (name, value) in &fields.others {
            write!(writer, " {name}={}", quoted(value))?;
        }
        writeln!(writer)
    }
}

#[derive(Default)]
struct LogrusFields {
    message: String,
    others: Vec<(String, String)>,
}

impl LogrusFields {
    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.others.push((name.to_owned(), value)),
        }
    }
}

impl Visit for LogrusFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

/// Quotes a text unless all its characters are safe without quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_plain_words_are_written_without_quotes() {
        assert_eq!(quoted("ec.purl.parse"), "ec.purl.parse");
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("line\nline \"x\""), "\"line\\nline \\\"x\\\"\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
