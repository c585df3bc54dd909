//! `io.jwt.*`: signed JSON Web Tokens (RFC 7519, RFC 7515).

mod key;
mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(super) use verify::decode_verify;

use super::encoding::url_safe;
use super::operand::{Answer, Failure, give, string, value};
use crate::value::{Object, Value};

/// The content type of a nested token.
const NESTED: &str = "JWT";

/// The deepest nesting of tokens in tokens.
const MAX_NESTED: usize = 16;

/// The three parts of a token.
struct WebToken<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> WebToken<'a> {
    fn split(text: &'a str) -> Result<Self, Failure> {
        if !text.contains('.') {
            return Err(Failure::new("encoded JWT had no period separators"));
        }
        let parts: Vec<_> = text.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            let count = parts.len();
            return Err(Failure::new(format!(
                "encoded JWT must have 3 sections, found {count}"
            )));
        };
        Ok(Self {
            header,
            payload,
            signature,
        })
    }

    fn decoded(part: &str, which: &str) -> Result<String, Failure> {
        let bytes = url_safe(part);
        let bytes = bytes
            .map_err(|error| Failure::new(format!("JWT {which} had invalid encoding: {error}")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn header(&self) -> Result<Object, Failure> {
        let header = object(&Self::decoded(self.header, "header")?);
        let header = header.map_err(|error| Failure::new(format!("bad JWT header: {error}")))?;
        if header.get_str("enc").is_some() {
            return Err(Failure::new("JWT is a JWE object, which is not supported"));
        }
        Ok(header)
    }

    fn payload(&self) -> Result<String, Failure> {
        Self::decoded(self.payload, "payload")
    }

    fn signature(&self) -> Result<Vec<u8>, Failure> {
        url_safe(self.signature)
    }

    /// The part that the signature covers.
    fn signed(&self) -> Vec<u8> {
        [self.header, ".", self.payload].concat().into_bytes()
    }
}

fn object(text: &str) -> Result<Object, Failure> {
    let document = Value::from_json(text);
    let document = document.map_err(|error| Failure::new(format!("invalid JSON: {error}")))?;
    match document {
        Value::Object(object) => Ok(object),
        _ => Err(Failure::new("decoded JSON type was not an Object")),
    }
}

/// `io.jwt.decode(token)`: header, payload and signature, of which nothing is verified.
pub(super) fn decode(operands: &[Value]) -> Answer {
    let mut text = string(operands, 0)?.to_owned();
    for _ in 0..MAX_NESTED {
        let token = WebToken::split(&text)?;
        let header = token.header()?;
        let payload = token.payload()?;
        if header.get_str("cty").and_then(Value::as_str) == Some(NESTED) {
            text = payload.trim_matches(['"', '\'']).to_owned();
            continue;
        }
        let payload = object(&payload)?;
        let signature = token.signature();
        let signature = signature.map_err(|error| {
            Failure::new(format!("JWT signature had invalid encoding: {error}"))
        })?;
        return give(Value::array(vec![
            Value::Object(header),
            Value::Object(payload),
            Value::from(hex::encode(signature)),
        ]));
    }
    Err(Failure::new("token in too many tokens"))
}

/// The header's text of a name, or an empty one.
fn text<'a>(header: &'a Object, name: &str) -> Result<&'a str, Failure> {
    match header.get_str(name) {
        None => Ok(""),
        Some(value) => value
            .as_str()
            .ok_or_else(|| Failure::new(format!("{name}: must be a string"))),
    }
}

/// `io.jwt.verify_*(token, key)` with a certificate, a public key or a set of keys.
pub(super) fn verify(operands: &[Value], algorithm: &str) -> Answer {
    let token = WebToken::split(string(operands, 0)?)?;
    let keys = key::keys(string(operands, 1)?)?;
    let signature = token.signature()?;
    let header = token.header()?;
    let (id, named) = (text(&header, "kid")?, text(&header, "alg")?);
    verify::check(&header)?;
    let signed = token.signed();
    if let Some(key) = keys.iter().find(|key| !id.is_empty() && key.id == id) {
        return give(key.material.verify(algorithm, &signed, &signature));
    }
    give(keys.iter().any(|key| {
        (key.algorithm.is_empty() || key.algorithm == named)
            && key.material.verify(algorithm, &signed, &signature)
    }))
}

/// `io.jwt.verify_hs*(token, secret)`: true if the HMAC of the token is right.
pub(super) fn verify_secret(operands: &[Value], algorithm: &str) -> Answer {
    let text = string(operands, 0)?;
    let secret = string(operands, 1)?;
    let token = WebToken::split(text)?;
    let signature = token.signature()?;
    give(key::verify_secret(
        algorithm,
        secret.as_bytes(),
        &token.signed(),
        &signature,
    ))
}

/// `io.jwt.encode_sign(headers, payload, key)`: objects, and a key as a JWK.
pub(super) fn encode_sign(operands: &[Value]) -> Answer {
    let json = |at: usize| super::encoding::marshalled(value(operands, at));
    signed(&json(0), &json(1), &json(2))
}

/// `io.jwt.encode_sign_raw(headers, payload, key)`, each as JSON text.
pub(super) fn encode_sign_raw(operands: &[Value]) -> Answer {
    let key = string(operands, 2)?;
    signed(string(operands, 0)?, string(operands, 1)?, key)
}

fn signed(headers: &str, payload: &str, key: &str) -> Answer {
    let keys = key::from_json(key).map_err(Failure::new)?;
    let key = keys
        .first()
        .ok_or_else(|| Failure::new("no keys found in JWK set"))?;
    let wrong = |reason: &str| Failure::new(format!("missing or invalid 'alg' header: {reason}"));
    let read = Value::from_json(headers).map_err(|_| match headers {
        "" => wrong("cannot parse JSON: cannot parse empty string"),
        _ => wrong("cannot parse JSON"),
    })?;
    let algorithm = read.member("alg");
    let algorithm = algorithm.ok_or_else(|| wrong("jwsbb: header \"alg\" not found"))?;
    let algorithm = algorithm.as_str().ok_or_else(|| wrong("not a string"))?;
    if !key::is_known(algorithm) {
        return Err(Failure::new(format!("unknown JWS algorithm: {algorithm}")));
    }
    let token = read
        .member("typ")
        .and_then(Value::as_str)
        .is_none_or(|kind| kind == NESTED);
    if token && Value::from_json(payload).is_err() {
        return Err(Failure::new("type is JWT but payload is not JSON"));
    }
    let text = [headers, payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = key.sign(algorithm, text.as_bytes())?;
    give(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
