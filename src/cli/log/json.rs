//! Log lines as JSON, all of one shape: `timestamp`, `level`, `message` and what else the event has.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::failure::Failure;

/// Formats each event as one line of JSON.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
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
        let mut fields = JsonFields::default();
        event.record(&mut fields);
        let level = event.metadata().level().as_str();
        writeln!(writer, "{}", line(level, fields.0))
    }
}

/// Formats a failure in the same shape, with its hint and the exit code.
pub(super) fn failure(failure: &Failure) -> String {
    let mut fields = Map::new();
    fields.insert("message".to_owned(), failure.cause().into());
    if let Some(hint) = failure.next() {
        fields.insert("hint".to_owned(), hint.into());
    }
    let code = failure.kind().exit_code();
    fields.insert("exitCode".to_owned(), code.into());
    line("ERROR", fields)
}

fn line(level: &str, mut fields: Map<String, Value>) -> String {
    let message = fields.shift_remove("message").unwrap_or_default();
    let mut all = Map::new();
    all.insert("timestamp".to_owned(), Timestamp::now().to_string().into());
    all.insert("level".to_owned(), level.into());
    all.insert("message".to_owned(), message);
    all.extend(fields);
    Value::Object(all).to_string()
}

#[derive(Default)]
struct JsonFields(Map<String, Value>);

impl JsonFields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for JsonFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn a_failure_has_the_shape_of_every_line() {
        let failed = Failure::message(Kind::NotFound, "no file x").hint("make it");
        let line: Value = serde_json::from_str(&failure(&failed)).unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["timestamp", "level", "message", "hint", "exitCode"]);
        assert_eq!(line["message"], "no file x");
        assert_eq!(line["exitCode"], 3);
    }
}
