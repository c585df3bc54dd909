//! Builtins for UUIDs (RFC 4122): `uuid.parse` and `uuid.rfc4122`.

use super::operand::{Answer, Failure, give, string, value};
use super::{CallContext, random};
use crate::value::{ObjectBuilder, Value};

/// Hundreds of nanoseconds from 15 October 1582 to 1970.
const GREGORIAN: i64 = 122_192_928_000_000_000;

/// `uuid.rfc4122(name)`: the same for the same name in one evaluation.
pub(super) fn rfc4122(operands: &[Value], context: &mut CallContext) -> Answer {
    let key = format!("uuid {}", value(operands, 0));
    let random = u128::from_be_bytes(random::bytes(context.seed, &key));
    let versioned = random & !(0xf << 76) | 4 << 76;
    let bits = versioned & !(0x3 << 62) | 0x2 << 62;
    let digits = format!("{bits:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let parts = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ];
    give(parts.join("-"))
}

/// The bits of a text: plain, in braces, with `urn:uuid:`, or digits only.
fn bits(text: &str) -> Option<u128> {
    let bare = match text.len() {
        36 => text,
        45 if text.get(..9)?.eq_ignore_ascii_case("urn:uuid:") => text.get(9..)?,
        38 => text.get(1..37)?,
        32 => return digits(text),
        _ => return None,
    };
    for (at, byte) in bare.bytes().enumerate() {
        if [8, 13, 18, 23].contains(&at) != (byte == b'-') {
            return None;
        }
    }
    digits(&bare.replace('-', ""))
}

fn digits(text: &str) -> Option<u128> {
    let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| plain)
}

/// `uuid.parse(text)`: version and variant, and time and node of versions 1 and 2.
pub(super) fn parse(operands: &[Value]) -> Answer {
    let bits = bits(string(operands, 0)?).ok_or(Failure::Undefined)?;
    let bytes = bits.to_be_bytes();
    let number = |from: usize, count: usize| {
        let bytes = bytes.iter().skip(from).take(count);
        bytes.fold(0_i64, |number, byte| number << 8 | i64::from(*byte))
    };
    let version = number(6, 1) >> 4;
    let eighth = number(8, 1);
    let variant = match eighth {
        _ if eighth & 0xc0 == 0x80 => "RFC4122",
        _ if eighth & 0xe0 == 0xc0 => "Microsoft",
        _ if eighth & 0xe0 == 0xe0 => "Future",
        _ => "Reserved",
    };
    let mut found = ObjectBuilder::default();
    let mut add = |name: &str, value: Value| found.insert(Value::from(name), value);
    add("version", version.into());
    add("variant", variant.into());
    if version == 1 || version == 2 {
        let time = number(0, 4) | number(4, 2) << 32 | (number(6, 2) & 0xfff) << 48;
        add("time", (time - GREGORIAN).saturating_mul(100).into());
        let node = bytes.iter().skip(10).map(|byte| format!("{byte:02x}"));
        add("nodeid", node.collect::<Vec<_>>().join("-").into());
        let kind = match number(10, 1) & 0b11 {
            0b11 => "local:multicast",
            0b01 => "global:multicast",
            0b10 => "local:unicast",
            _ => "global:unicast",
        };
        add("macvariables", kind.into());
        add("clocksequence", (number(8, 2) & 0x3fff).into());
    }
    if version == 2 {
        add("id", number(0, 4).into());
        let domain = match number(9, 1) {
            0 => "Person".to_owned(),
            1 => "Group".to_owned(),
            2 => "Org".to_owned(),
            other => format!("Domain{other}"),
        };
        add("domain", domain.into());
    }
    give(found.finish())
}
