//! A certificate (RFC 5280) as Go's `x509.Certificate`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::{BigInt, BigUint};

use super::extension::{Extension, KnownExtensions, list};
use super::name;
use crate::builtins::der::{Der, SEQUENCE, dotted};
use crate::builtins::keys::{Curve, Private, fields};
use crate::builtins::urls::Url;
use crate::value::{Number, Value};

/// An algorithm: its identifier and the bytes of its parameters.
pub(super) type Algorithm<'a> = (Vec<u64>, &'a [u8]);

/// A public key: the algorithm, the key and all bytes.
#[derive(Debug, Clone)]
pub(super) struct PublicKey<'a> {
    pub(super) algorithm: Algorithm<'a>,
    pub(super) key: &'a [u8],
    all: &'a [u8],
}

/// A certificate, borrowed from its bytes.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    all: &'a [u8],
    pub(super) signed: &'a [u8],
    version: i64,
    serial: BigInt,
    pub(super) algorithm: Algorithm<'a>,
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    issuer_names: Vec<(Vec<u64>, String)>,
    subject_names: Vec<(Vec<u64>, String)>,
    pub(super) not_before: jiff::Timestamp,
    pub(super) not_after: jiff::Timestamp,
    pub(super) key: PublicKey<'a>,
    extensions: Option<Vec<Extension<'a>>>,
    pub(super) known: KnownExtensions<'a>,
    pub(super) signature: &'a [u8],
}

/// Encodes bytes as a Base64 string, as Go's JSON does.
pub(super) fn base64(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}

/// Reads an `AlgorithmIdentifier`: the identifier and the bytes of its parameters.
pub(super) fn algorithm<'a>(mut content: Der<'a>) -> Option<Algorithm<'a>> {
    let identifier = content.identifier()?;
    Some((identifier, content.0))
}

impl<'a> PublicKey<'a> {
    pub(super) fn parse(all: &'a [u8]) -> Option<Self> {
        let mut content = Der(all).sequence()?;
        let algorithm = algorithm(content.sequence()?)?;
        Some(Self {
            algorithm,
            key: content.bits()?,
            all,
        })
    }

    /// The number in Go of the algorithm.
    fn number(&self) -> i64 {
        match self.algorithm.0.as_slice() {
            [1, 2, 840, 113549, 1, 1, 1] => 1,
            [1, 2, 840, 10040, 4, 1] => 2,
            [1, 2, 840, 10045, 2, 1] => 3,
            [1, 3, 101, 112] => 4,
            _ => 0,
        }
    }

    /// The curve of a key of ECDSA.
    pub(super) fn curve(&self) -> Option<Curve> {
        Curve::of(&Der(self.algorithm.1).identifier()?)
    }

    /// The modulus and the exponent of a key of RSA.
    pub(super) fn rsa(&self) -> Option<(BigUint, BigUint)> {
        let mut numbers = Der(self.key).sequence()?;
        Some((numbers.integer()?, numbers.integer()?))
    }

    fn as_go(&self) -> Option<Value> {
        let number = |number: BigUint| Value::from(Number::from(BigInt::from(number)));
        match self.number() {
            1 => {
                let (n, e) = self.rsa()?;
                Some(fields([("N", number(n)), ("E", number(e))]))
            }
            3 => {
                let point = self.key.strip_prefix(&[4])?;
                let (x, y) = point.split_at_checked(self.curve()?.size())?;
                let part = |bytes| number(BigUint::from_bytes_be(bytes));
                Some(fields([
                    ("Curve", Value::object(Vec::new())),
                    ("X", part(x)),
                    ("Y", part(y)),
                ]))
            }
            4 => Some(base64(self.key)),
            _ => Some(Value::Null),
        }
    }

    /// The members of a structure that has a key.
    pub(super) fn members(&self) -> Option<[(&'static str, Value); 3]> {
        Some([
            ("PublicKey", self.as_go()?),
            ("PublicKeyAlgorithm", Value::from(self.number())),
            ("RawSubjectPublicKeyInfo", base64(self.all)),
        ])
    }
}

/// The number in Go of a signature's algorithm.
pub(super) fn signature_number(algorithm: &Algorithm<'_>) -> i64 {
    match dotted(&algorithm.0).as_str() {
        "1.2.840.113549.1.1.4" => 2,
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => 3,
        "1.2.840.113549.1.1.11" => 4,
        "1.2.840.113549.1.1.12" => 5,
        "1.2.840.113549.1.1.13" => 6,
        "1.2.840.10040.4.3" => 7,
        "2.16.840.1.101.3.4.3.2" => 8,
        "1.2.840.10045.4.1" => 9,
        "1.2.840.10045.4.3.2" => 10,
        "1.2.840.10045.4.3.3" => 11,
        "1.2.840.10045.4.3.4" => 12,
        "1.2.840.113549.1.1.10" => match pss_digest(algorithm.1).as_deref() {
            Some("2.16.840.1.101.3.4.2.1") => 13,
            Some("2.16.840.1.101.3.4.2.2") => 14,
            Some("2.16.840.1.101.3.4.2.3") => 15,
            _ => 0,
        },
        "1.3.101.112" => 16,
        _ => 0,
    }
}

/// The digest of the parameters of RSASSA-PSS.
fn pss_digest(parameters: &[u8]) -> Option<String> {
    let mut content = Der(parameters).sequence()?;
    let digest = content.expect(0xa0)?;
    Some(dotted(&Der(digest.content).sequence()?.identifier()?))
}

/// A time of DER, in seconds.
fn time(content: &mut Der<'_>) -> Option<jiff::Timestamp> {
    let item = content.next()?;
    let text = std::str::from_utf8(item.content).ok()?;
    let digits = text.strip_suffix('Z')?;
    let digits = match (item.tag, digits.len()) {
        (0x17, 12) => {
            let year: u32 = digits.get(..2)?.parse().ok()?;
            format!("{}{digits}", if year >= 50 { "19" } else { "20" })
        }
        (0x18, 14) => digits.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    );
    text.parse().ok()
}

impl<'a> Certificate<'a> {
    /// Reads one certificate; `None` for other bytes.
    pub(super) fn parse(all: &'a [u8]) -> Option<Self> {
        let mut reader = Der(all);
        let mut outer = reader.sequence()?;
        let signed = outer.expect(SEQUENCE)?;
        let algorithm_of_signature = algorithm(outer.sequence()?)?;
        let signature = outer.bits()?;
        if !outer.is_empty() || !reader.is_empty() {
            return None;
        }
        let mut content = Der(signed.content);
        let version = match content.optional(0xa0) {
            Some(version) => i64::try_from(Der(version.content).integer()?).ok()? + 1,
            None => 1,
        };
        let serial = content.signed()?;
        let algorithm = algorithm(content.sequence()?)?;
        if algorithm != algorithm_of_signature {
            return None;
        }
        let issuer = content.expect(SEQUENCE)?;
        let mut validity = content.sequence()?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        let subject = content.expect(SEQUENCE)?;
        let key = PublicKey::parse(content.expect(SEQUENCE)?.all)?;
        content.optional(0x81);
        content.optional(0x82);
        let extensions = match content.optional(0xa3) {
            Some(extensions) => Some(list(Der(extensions.content).expect(SEQUENCE)?.content)?),
            None => None,
        };
        let known = KnownExtensions::read(extensions.as_deref().unwrap_or_default())?;
        // A value that Go cannot write is malformed.
        key.as_go()?;
        Some(Self {
            all,
            signed: signed.all,
            version,
            serial,
            algorithm,
            issuer: issuer.all,
            subject: subject.all,
            issuer_names: name::attributes(issuer.content)?,
            subject_names: name::attributes(subject.content)?,
            not_before,
            not_after,
            key,
            extensions,
            known,
            signature,
        })
    }

    /// Tells if the certificate is for the public part of a key.
    pub(super) fn belongs_to(&self, key: &Private) -> bool {
        match key {
            Private::Rsa(rsa) => {
                self.key.number() == 1 && self.key.rsa().is_some_and(|(n, _)| n == rsa.n)
            }
            Private::Ec(_, _, x, y) => {
                self.key.key.strip_prefix(&[4]) == Some(&[x.as_slice(), y].concat())
            }
            Private::Ed25519(_, public) => self.key.key == public,
        }
    }

    fn extensions(&self) -> Value {
        let shown = |extension: &Extension<'_>| {
            fields([
                ("Id", name::numbers(&extension.identifier)),
                ("Critical", Value::Bool(extension.critical)),
                ("Value", base64(extension.value)),
            ])
        };
        match &self.extensions {
            None => Value::Null,
            Some(extensions) => Value::array(extensions.iter().map(shown).collect()),
        }
    }

    /// The structure; with the addresses as texts where Open Policy Agent adds them.
    pub(super) fn as_go(&self, uri_strings: bool) -> Value {
        let mut members = self.signed_members();
        members.extend(self.extension_members());
        members.extend(self.key.members().into_iter().flatten());
        members.extend(UNSET);
        if uri_strings {
            members.push(("URIStrings", texts(&self.known.names.uri)));
        }
        let members = members.into_iter();
        Value::object(
            members
                .map(|(name, value)| (Value::from(name), value))
                .collect(),
        )
    }

    /// Returns the members that are not read from extensions.
    fn signed_members(&self) -> Vec<(&'static str, Value)> {
        let time = |time: jiff::Timestamp| Value::from(time.to_string());
        vec![
            ("Raw", base64(self.all)),
            ("RawTBSCertificate", base64(self.signed)),
            ("RawIssuer", base64(self.issuer)),
            ("RawSubject", base64(self.subject)),
            ("Signature", base64(self.signature)),
            (
                "SignatureAlgorithm",
                Value::from(signature_number(&self.algorithm)),
            ),
            ("Version", Value::from(self.version)),
            (
                "SerialNumber",
                Value::from(Number::from(self.serial.clone())),
            ),
            ("Issuer", name::as_go(&self.issuer_names)),
            ("Subject", name::as_go(&self.subject_names)),
            ("NotBefore", time(self.not_before)),
            ("NotAfter", time(self.not_after)),
            ("Extensions", self.extensions()),
        ]
    }

    /// Returns the members that Go reads from the extensions.
    fn extension_members(&self) -> Vec<(&'static str, Value)> {
        let known = &self.known;
        let (authority, length) = known.constraints.unwrap_or((false, None));
        let constrained = known.constraints.is_some();
        let length = if constrained { length.unwrap_or(-1) } else { 0 };
        let bytes = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, base64);
        let identifiers = |list: &[Vec<u64>]| or_null(list.iter().map(|one| name::numbers(one)));
        let policies = known.policies.iter();
        let policies = policies.map(|policy| Value::from(dotted(policy)));
        let extended = known.extended.iter().map(|number| Value::from(*number));
        vec![
            ("KeyUsage", Value::from(known.key_usage)),
            ("UnhandledCriticalExtensions", identifiers(&known.unhandled)),
            ("ExtKeyUsage", or_null(extended)),
            ("UnknownExtKeyUsage", identifiers(&known.unknown_extended)),
            ("BasicConstraintsValid", Value::Bool(constrained)),
            ("IsCA", Value::Bool(authority)),
            ("MaxPathLen", Value::from(length)),
            ("InhibitAnyPolicy", Value::from(0_i64)),
            ("InhibitPolicyMapping", Value::from(0_i64)),
            ("RequireExplicitPolicy", Value::from(0_i64)),
            ("MaxPathLenZero", Value::Bool(constrained && length == 0)),
            ("SubjectKeyId", bytes(known.subject_key)),
            ("AuthorityKeyId", bytes(known.authority_key)),
            ("OCSPServer", texts(&known.responders)),
            ("IssuingCertificateURL", texts(&known.issuers)),
            ("DNSNames", texts(&known.names.dns)),
            ("EmailAddresses", texts(&known.names.email)),
            ("IPAddresses", texts(&known.names.ip)),
            (
                "URIs",
                or_null(known.names.uri.iter().map(|uri| address(uri))),
            ),
            ("CRLDistributionPoints", texts(&known.revocation)),
            ("PolicyIdentifiers", identifiers(&known.policies)),
            ("Policies", or_null(policies)),
        ]
    }
}

/// Members that certificates of this reader never set.
const UNSET: [(&str, Value); 14] = [
    ("ExtraExtensions", Value::Null),
    ("ExcludedDNSDomains", Value::Null),
    ("ExcludedEmailAddresses", Value::Null),
    ("ExcludedIPRanges", Value::Null),
    ("ExcludedURIDomains", Value::Null),
    ("PermittedDNSDomains", Value::Null),
    ("PermittedDNSDomainsCritical", Value::Bool(false)),
    ("PermittedEmailAddresses", Value::Null),
    ("PermittedIPRanges", Value::Null),
    ("PermittedURIDomains", Value::Null),
    ("PolicyMappings", Value::Null),
    ("InhibitAnyPolicyZero", Value::Bool(false)),
    ("InhibitPolicyMappingZero", Value::Bool(false)),
    ("RequireExplicitPolicyZero", Value::Bool(false)),
];

/// A list, or `null` for none.
pub(super) fn or_null(items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<_> = items.collect();
    if items.is_empty() {
        Value::Null
    } else {
        Value::array(items)
    }
}

pub(super) fn texts(texts: &[String]) -> Value {
    or_null(texts.iter().map(|text| Value::from(text.as_str())))
}

/// Returns a URI as the members of Go's `url.URL`.
pub(super) fn address(text: &str) -> Value {
    Url::parse(text).map_or(Value::Null, |url| url.as_go())
}
