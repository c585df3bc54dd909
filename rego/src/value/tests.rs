//! Order, equality, numbers and JSON of values.

use super::{Number, Value};

fn number(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
}

#[test]
fn types_are_ordered() {
    let ordered = [
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::from(-1i64),
        Value::Number(number("0.5")),
        Value::from(7i64),
        Value::from(""),
        Value::from("a"),
        Value::array(vec![]),
        Value::array(vec![Value::Null]),
        Value::object(vec![]),
        Value::object(vec![(Value::from("a"), Value::Null)]),
        Value::set(vec![]),
        Value::set(vec![Value::Null]),
    ];
    for (at, value) in ordered.iter().enumerate() {
        for (other_at, other) in ordered.iter().enumerate() {
            assert_eq!(value.cmp(other), at.cmp(&other_at), "{value} and {other}");
        }
    }
}

#[test]
fn numbers_compare_by_value_and_keep_their_text() {
    for (a, b) in [
        ("1", "1.0"),
        ("1e3", "1000.0"),
        ("0", "-0.0"),
        ("100e-2", "1"),
    ] {
        assert_eq!(number(a), number(b));
    }
    assert!(number("9007199254740993") > number("9007199254740992.5"));
    assert!(number("123456789012345678901234567891") > number("123456789012345678901234567890"));
    assert!(number("-2.5") < number("-2.4"));
    assert_eq!(number("1e3").to_string(), "1000".replace("000", "e3"));
    for text in [
        "01",
        "1.",
        ".5",
        "1e",
        "+1",
        "--1",
        "",
        "1e999999999",
        "0x1",
    ] {
        assert!(Number::parse(text).is_none(), "{text}");
    }
}

#[test]
fn arithmetic_is_exact_for_integers_and_as_opa_for_fractions() {
    let sum = |a, b| number(a).add(&number(b)).to_string();
    assert_eq!(sum("9223372036854775807", "1"), "9223372036854775808");
    assert_eq!(sum("1.0", "1"), "2");
    assert_eq!(sum("0.1", "0.2"), "0.3");
    assert_eq!(sum("1e30", "1"), "1000000000000000000000000000001");
    let quotient = |a, b| number(a).divide(&number(b)).map(|value| value.to_string());
    assert_eq!(quotient("10", "4").as_deref(), Some("2.5"));
    assert_eq!(quotient("10", "5").as_deref(), Some("2"));
    assert_eq!(
        quotient("1", "3").as_deref(),
        Some("0.33333333333333333334")
    );
    assert_eq!(quotient("2469135", "2").as_deref(), Some("1.2345675e+06"));
    assert_eq!(quotient("1", "0.0"), None);
    assert_eq!(number("2.5").round().to_string(), "3");
    assert_eq!(number("-2.5").round().to_string(), "-3");
    assert_eq!(number("-2.5").ceil().to_string(), "-2");
    assert_eq!(number("-2.5").floor().to_string(), "-3");
    assert_eq!(
        number("-7")
            .remainder(&number("3"))
            .map(|n| n.to_string())
            .as_deref(),
        Some("-1")
    );
}

#[test]
fn json_is_written_as_opa_writes_it() {
    let text = r#"{"b":[1e3,1.50,-0,"\u2028\"<"],"a":{"x":null}}"#;
    let value = Value::from_json(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        value.to_json(),
        r#"{"a":{"x":null},"b":[1e3,1.50,-0,"\u2028\"<"]}"#
    );
    let keys = Value::object(vec![
        (Value::from(2i64), Value::Null),
        (
            Value::from(10i64),
            Value::set(vec![Value::from(2i64), Value::from(1i64)]),
        ),
    ]);
    assert_eq!(keys.to_json(), r#"{"10":[1,2],"2":null}"#);
    assert_eq!(keys.to_string(), "{2: null, 10: {1, 2}}");
    for text in ["[1,]", "{\"a\":1,}", "1 2", "\"\n\"", "[01]", "nul"] {
        assert!(Value::from_json(text).is_err(), "{text}");
    }
    assert!(Value::from_json(&"[".repeat(100_000)).is_err());
}

#[test]
fn the_last_of_equal_members_is_kept() {
    let value = Value::from_json(r#"{"b":1,"a":2,"b":3}"#).unwrap_or(Value::Null);
    assert_eq!(value.to_json(), r#"{"a":2,"b":3}"#);
}

#[test]
fn serde_json_and_values_are_converted_both_ways() {
    let json = serde_json::json!({"b": [1, 2.5, -3, 18446744073709551615_u64, 1e300], "a": null});
    let value = Value::from(&json);
    assert_eq!(serde_json::Value::from(&value), json);
    let set = Value::set(vec![Value::from(2i64), Value::from(1i64)]);
    assert_eq!(serde_json::Value::from(&set), serde_json::json!([1, 2]));
    let huge = Value::Number(number("1e999"));
    assert_eq!(serde_json::Value::from(&huge), serde_json::json!(f64::MAX));
}
