//! `io.jwt.decode_verify`: a token's signature and claims against constraints.

use super::key::{TokenKey, keys, verify_secret};
use super::{MAX_NESTED, NESTED, WebToken, object, text};
use crate::builtins::CallContext;
use crate::builtins::operand::{Answer, Failure, give, object as object_operand, string};
use crate::value::{Number, Object, Value};

/// Constraints of `io.jwt.decode_verify`: key, algorithm, issuer, audience and time.
#[derive(Default)]
struct Constraints {
    keys: Option<Vec<TokenKey>>,
    secret: String,
    algorithm: String,
    issuer: String,
    audience: String,
    time: Option<f64>,
}

impl Constraints {
    fn read(given: &Object) -> Result<Self, Failure> {
        let mut read = Self::default();
        for (name, value) in given.iter() {
            let name = name.as_str().unwrap_or_default();
            let text = || {
                let text = value.as_str().map(str::to_owned);
                text.ok_or_else(|| Failure::new(format!("{name} constraint: must be a string")))
            };
            match name {
                "cert" => read.keys = Some(keys(&text()?)?),
                "secret" => read.secret = text()?,
                "alg" => read.algorithm = text()?,
                "iss" => read.issuer = text()?,
                "aud" => read.audience = text()?,
                "time" => read.time = Some(time(value)?),
                other => {
                    let text = format!("unknown token validation constraint: {other}");
                    return Err(Failure::new(text));
                }
            }
        }
        match (read.keys.is_some(), !read.secret.is_empty()) {
            (true, true) => Err(Failure::new("duplicate key constraints")),
            (false, false) => Err(Failure::new("no key constraint")),
            _ => Ok(read),
        }
    }

    fn verified(&self, id: &str, algorithm: &str, signed: &[u8], signature: &[u8]) -> bool {
        let Some(keys) = &self.keys else {
            return verify_secret(algorithm, self.secret.as_bytes(), signed, signature);
        };
        if let Some(key) = keys.iter().find(|key| !id.is_empty() && key.id == id) {
            return key.material.verify(algorithm, signed, signature);
        }
        keys.iter().any(|key| {
            (key.algorithm.is_empty() || key.algorithm == algorithm)
                && key.material.verify(algorithm, signed, signature)
        })
    }

    fn for_audience(&self, audience: &Value) -> bool {
        match audience {
            Value::String(one) => one.as_ref() == self.audience,
            Value::Array(list) => list.iter().any(|one| one.as_str() == Some(&self.audience)),
            _ => false,
        }
    }

    /// Tells if the claims of a payload hold at a time in nanoseconds.
    fn hold(&self, payload: &Object, time: f64) -> Result<bool, Failure> {
        let issuer = payload.get_str("iss").and_then(Value::as_str);
        if !self.issuer.is_empty() && issuer != Some(&self.issuer) {
            return Ok(false);
        }
        let audience = match payload.get_str("aud") {
            Some(audience) => self.for_audience(audience),
            None => self.audience.is_empty(),
        };
        if !audience {
            return Ok(false);
        }
        let now = Number::from_f64(time / 1e9).ok_or_else(|| Failure::new("invalid time"))?;
        let claim = |name: &str| match payload.get_str(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(_) => Err(Failure::new(format!("{name} value must be a number"))),
        };
        if claim("exp")?.is_some_and(|end| now >= *end) {
            return Ok(false);
        }
        Ok(claim("nbf")?.is_none_or(|start| now >= *start))
    }
}

fn time(value: &Value) -> Result<f64, Failure> {
    let wrong = |what: &str| Failure::new(format!("token time constraint: {what}"));
    let time = value
        .as_number()
        .ok_or_else(|| wrong("must be a number"))?
        .to_f64();
    if !time.is_finite() {
        return Err(wrong("unvalid float64"));
    }
    if time < 0.0 {
        return Err(wrong("must not be negative"));
    }
    Ok(time)
}

/// Checks the types of the members of a header that are known.
pub(super) fn check(header: &Object) -> Result<Vec<&str>, Failure> {
    for name in ["alg", "kid", "typ", "cty"] {
        text(header, name)?;
    }
    match header.get_str("crit") {
        None => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            let names: Vec<_> = names.iter().map_while(Value::as_str).collect();
            match names.is_empty() {
                true => Err(Failure::new("crit: must be a nonempty list")),
                false => Ok(names),
            }
        }
        Some(_) => Err(Failure::new("crit: must be a list")),
    }
}

/// Tells if a header names an algorithm and nothing critical that is unknown.
fn acceptable(header: &Object) -> Result<bool, Failure> {
    let critical = check(header)?;
    let known = ["alg", "kid", "typ", "cty", "crit"];
    let unknown = critical
        .iter()
        .any(|name| !known.contains(name) && header.get_str(name).is_some());
    Ok(!text(header, "alg")?.is_empty() && !unknown)
}

fn unverified() -> Answer {
    let empty = || Value::object(Vec::new());
    give(Value::array(vec![Value::Bool(false), empty(), empty()]))
}

/// `io.jwt.decode_verify(token, constraints)`: `[valid, header, payload]`, both empty objects if it is not valid.
pub(in crate::builtins) fn decode_verify(operands: &[Value], context: &mut CallContext) -> Answer {
    let constraints = Constraints::read(object_operand(operands, 1)?)?;
    let time = match constraints.time {
        Some(time) => time,
        None => time(&Value::from(context.now_ns))?,
    };
    let mut given = string(operands, 0)?.to_owned();
    for _ in 0..MAX_NESTED {
        let token = WebToken::split(&given)?;
        let header = token.header()?;
        if !acceptable(&header)? {
            return unverified();
        }
        let algorithm = text(&header, "alg")?;
        if !constraints.algorithm.is_empty() && constraints.algorithm != algorithm {
            return unverified();
        }
        let signature = token.signature()?;
        let id = text(&header, "kid")?;
        if !constraints.verified(id, algorithm, &token.signed(), &signature) {
            return unverified();
        }
        let payload = token.payload()?;
        if text(&header, "cty")?.eq_ignore_ascii_case(NESTED) {
            given = payload;
            continue;
        }
        let payload = object(&payload)?;
        if !constraints.hold(&payload, time)? {
            return unverified();
        }
        return give(Value::array(vec![
            Value::Bool(true),
            Value::Object(header),
            Value::Object(payload),
        ]));
    }
    Err(Failure::new("token in too many tokens"))
}
