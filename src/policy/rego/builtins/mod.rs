//! Builtins with the behaviour of Open Policy Agent where the engine's differ or are missing.
//!
//! The engine looks for an extension before it looks for a builtin, so the same name overrides. A
//! call that Open Policy Agent answers with a builtin error is undefined here, never an error: an
//! error would abort the rule even below a `not`.

mod json_paths;
mod objects;
mod operators;
mod regex;
mod schema;
mod semver;
mod sprintf;
mod text;
mod time;
mod time_layout;
mod walk;
mod x509;

use regorus::{Engine, Value};

use super::lower::{
    DIVIDED, INTERSECTION, MEMBER, MEMBER_AT, MINUS, PLUS, REMAINDER, SAME, TIMES, UNION, WALK,
};

/// How the names of those begin that only rewritten sources call.
const OWN: &str = "__";

/// The function of a builtin: the arguments, as many as its arity says, to a value.
type Function = fn(&[Value]) -> Value;

/// Every override with its arity.
const OVERRIDES: [(&str, u8, Function); 48] = [
    (PLUS, 2, operators::plus),
    (MINUS, 2, operators::minus),
    (TIMES, 2, operators::times),
    (DIVIDED, 2, operators::divided),
    (REMAINDER, 2, operators::remainder),
    (UNION, 2, operators::union),
    (INTERSECTION, 2, operators::intersection),
    (MEMBER, 2, operators::member),
    (MEMBER_AT, 3, operators::member_at),
    (SAME, 1, operators::same),
    (WALK, 1, walk::walk),
    ("sprintf", 2, sprintf::sprintf),
    ("json.remove", 2, json_paths::remove),
    ("json.filter", 2, json_paths::filter),
    ("json.match_schema", 2, schema::match_schema),
    ("json.verify_schema", 1, schema::verify_schema),
    (
        "crypto.x509.parse_certificates",
        1,
        x509::parse_certificates,
    ),
    ("crypto.sha256", 1, text::sha256),
    ("base64.decode", 1, text::base64_decode),
    ("base64.is_valid", 1, text::base64_is_valid),
    ("base64url.decode", 1, text::base64url_decode),
    ("indexof", 2, text::index_of),
    ("json.is_valid", 1, text::json_is_valid),
    ("json.marshal", 1, text::json_marshal),
    ("lower", 1, text::lower),
    ("numbers.range_step", 3, text::range_step),
    (
        "regex.find_all_string_submatch_n",
        3,
        regex::find_all_string_submatch_n,
    ),
    ("object.subset", 2, objects::subset),
    ("regex.find_n", 3, regex::find_n),
    ("regex.is_valid", 1, regex::is_valid),
    ("regex.match", 2, regex::matches),
    ("regex.replace", 3, regex::replace),
    ("regex.split", 2, regex::split),
    ("semver.compare", 2, semver::compare),
    ("semver.is_valid", 1, semver::is_valid),
    ("strings.count", 2, text::count),
    ("strings.replace_n", 2, text::replace_n),
    ("substring", 3, text::substring),
    ("to_number", 1, text::to_number),
    ("upper", 1, text::upper),
    ("yaml.is_valid", 1, text::yaml_is_valid),
    ("yaml.unmarshal", 1, text::yaml_unmarshal),
    ("time.parse_ns", 2, time::parse_ns),
    ("time.parse_rfc3339_ns", 1, time::parse_rfc3339_ns),
    ("time.add_date", 4, time::add_date),
    ("time.format", 1, time::format),
    ("time.weekday", 1, time::weekday),
    ("trace", 1, text::trace),
];

/// The time at which the policy was compiled: all inputs of a run are judged at the same moment.
const NOW: &str = "time.now_ns";

/// Registers every override.
pub(super) fn register(engine: &mut Engine) -> anyhow::Result<()> {
    for (name, arity, function) in OVERRIDES {
        let call = move |arguments: Vec<Value>| Ok(function(&arguments));
        engine.add_extension(name.to_owned(), arity, Box::new(call))?;
    }
    let now = time::now();
    engine.add_extension(NOW.to_owned(), 0, Box::new(move |_| Ok(now.clone())))
}

/// The arity of an override that policies may call.
pub(super) fn arity(name: &str) -> Option<usize> {
    let found = OVERRIDES
        .iter()
        .find(|(own, ..)| *own == name && !own.starts_with(OWN));
    found.map(|(_, arity, _)| usize::from(*arity))
}

/// A JSON value as a value of the engine.
fn from_json(json: serde_json::Value) -> Value {
    serde_json::from_value(json).unwrap_or(Value::Undefined)
}
