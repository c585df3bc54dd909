//! Chains of certificates up to a given root (RFC 5280 section 6), as Go verifies them.
//!
//! It is stricter than Go in one thing: a chain with constraints of names is not verified.

use std::net::IpAddr;

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::certificate::{Certificate, signature_number};
use crate::builtins::keys::Curve;
use crate::builtins::operand::Failure;
use crate::value::{Object, Value};

/// The most intermediates of a chain.
const MAX_CHAIN: usize = 10;

/// The most signatures that are verified.
const MAX_SIGNATURES: usize = 100;

/// Purpose of a chain's verification: host name, time and extended key usages.
pub(super) struct VerifyOptions {
    time: jiff::Timestamp,
    host: String,
    /// Numbers of extended usages, of which one is required.
    usages: Vec<i64>,
}

/// The names of extended usages in options, in the order of their numbers.
const USAGES: [&str; 14] = [
    "KeyUsageAny",
    "KeyUsageServerAuth",
    "KeyUsageClientAuth",
    "KeyUsageCodeSigning",
    "KeyUsageEmailProtection",
    "KeyUsageIPSECEndSystem",
    "KeyUsageIPSECTunnel",
    "KeyUsageIPSECUser",
    "KeyUsageTimeStamping",
    "KeyUsageOCSPSigning",
    "KeyUsageMicrosoftServerGatedCrypto",
    "KeyUsageNetscapeServerGatedCrypto",
    "KeyUsageMicrosoftCommercialCodeSigning",
    "KeyUsageMicrosoftKernelCodeSigning",
];

impl VerifyOptions {
    /// A server's certificate at a time.
    pub(super) fn at(nanoseconds: i64) -> Self {
        let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds));
        Self {
            time: time.unwrap_or(jiff::Timestamp::MAX),
            host: String::new(),
            usages: vec![1],
        }
    }

    /// Reads the options object of `parse_and_verify_certificates_with_options`.
    pub(super) fn read(options: &Object, now: i64) -> Result<Self, Failure> {
        let mut read = Self::at(now);
        for (key, value) in options.iter() {
            match key.as_str() {
                None => {}
                Some("DNSName") => {
                    let host = value.as_str();
                    let host = host.ok_or_else(|| Failure::new("'DNSName' should be a string"))?;
                    host.trim_matches('"').clone_into(&mut read.host);
                }
                Some("CurrentTime") => {
                    let number = value.as_number();
                    let number =
                        number.ok_or_else(|| Failure::new("'CurrentTime' should be a number"))?;
                    let wrong = || Failure::new("'CurrentTime' should be a valid int64 number");
                    read.time = Self::at(number.as_i64().ok_or_else(wrong)?).time;
                }
                Some("MaxConstraintComparisons") => {
                    let wrong = || Failure::new("'MaxConstraintComparisons' should be a number");
                    value.as_number().ok_or_else(wrong)?;
                }
                Some("KeyUsages") => read.usages = usages(value)?,
                Some(_) => return Err(Failure::new("invalid key option")),
            }
        }
        Ok(read)
    }
}

fn usages(value: &Value) -> Result<Vec<i64>, Failure> {
    let items = match value {
        Value::Array(items) => items.as_ref(),
        Value::Set(items) => items.items(),
        _ => return Err(Failure::new("'KeyUsages' should be an Array or Set")),
    };
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for name in items.iter().filter_map(Value::as_str) {
        let name = name.trim_matches('"');
        match (0..).zip(USAGES).find(|(_, own)| *own == name) {
            Some((number, _)) => found.push(number),
            None => wrong.push(name),
        }
    }
    if !wrong.is_empty() {
        let wrong = wrong.join(" ");
        return Err(Failure::new(format!(
            "invalid entries for 'KeyUsages' found: [{wrong}]"
        )));
    }
    // An empty list means the default.
    Ok(if found.is_empty() { vec![1] } else { found })
}

/// Returns the chain from the last certificate to the first, the root; `None` when there is none.
pub(super) fn verify<'a>(
    certificates: &'a [Certificate<'a>],
    options: &VerifyOptions,
) -> Option<Vec<&'a Certificate<'a>>> {
    let (root, rest) = certificates.split_first()?;
    let (leaf, intermediates) = rest.split_last()?;
    if !options.host.is_empty() && !names_host(leaf, &options.host) {
        return None;
    }
    let mut search = ChainSearch {
        root,
        intermediates,
        options,
        left: MAX_SIGNATURES,
    };
    search.valid(leaf).then_some(())?;
    let mut chain = vec![leaf];
    search.extend(&mut chain).then_some(chain)
}

struct ChainSearch<'a, 'o> {
    root: &'a Certificate<'a>,
    intermediates: &'a [Certificate<'a>],
    options: &'o VerifyOptions,
    left: usize,
}

impl<'a> ChainSearch<'a, '_> {
    fn valid(&self, certificate: &Certificate<'_>) -> bool {
        certificate.not_before <= self.options.time
            && self.options.time <= certificate.not_after
            && certificate.known.unhandled.is_empty()
            && !certificate.known.name_constraints
    }

    /// Tells if a certificate may issue what is below it.
    fn issues(&self, issuer: &Certificate<'_>, below: usize) -> bool {
        let Some((true, length)) = issuer.known.constraints else {
            return false;
        };
        let fits =
            length.is_none_or(|length| usize::try_from(length).is_ok_and(|length| below <= length));
        let usage = issuer.known.key_usage;
        self.valid(issuer) && fits && (usage == 0 || usage & 0x20 != 0)
    }

    fn extend(&mut self, chain: &mut Vec<&'a Certificate<'a>>) -> bool {
        let Some(last) = chain.last().copied() else {
            return false;
        };
        let below = chain.len() - 1;
        if last.issuer == self.root.subject
            && self.issues(self.root, below)
            && self.signed(last, self.root)
        {
            chain.push(self.root);
            if self.usable(chain) {
                return true;
            }
            chain.pop();
        }
        if chain.len() > MAX_CHAIN {
            return false;
        }
        let intermediates = self.intermediates;
        for candidate in intermediates {
            let known = chain.iter().any(|own| std::ptr::eq(*own, candidate));
            if !known
                && last.issuer == candidate.subject
                && self.issues(candidate, below)
                && self.signed(last, candidate)
            {
                chain.push(candidate);
                if self.extend(chain) {
                    return true;
                }
                chain.pop();
            }
        }
        false
    }

    /// Tells if one of the usages is allowed by all certificates that name usages.
    fn usable(&self, chain: &[&Certificate<'_>]) -> bool {
        let wanted = &self.options.usages;
        wanted.contains(&0)
            || wanted.iter().any(|usage| {
                chain.iter().all(|certificate| {
                    let (known, unknown) = (
                        &certificate.known.extended,
                        &certificate.known.unknown_extended,
                    );
                    (known.is_empty() && unknown.is_empty())
                        || known.contains(usage)
                        || known.contains(&0)
                })
            })
    }

    fn signed(&mut self, certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        let Some(algorithm) = algorithm(certificate, issuer) else {
            return false;
        };
        let key = UnparsedPublicKey::new(algorithm, issuer.key.key);
        key.verify(certificate.signed, certificate.signature)
            .is_ok()
    }
}

/// The algorithm of a signature, when it is sound and fits the key of the issuer.
fn algorithm(
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let curve = issuer.key.curve();
    let rsa = issuer.key.rsa().is_some() && curve.is_none();
    Some(match (signature_number(&certificate.algorithm), curve) {
        (4, _) if rsa => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (5, _) if rsa => &signature::RSA_PKCS1_2048_8192_SHA384,
        (6, _) if rsa => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (10, Some(Curve::P256)) => &signature::ECDSA_P256_SHA256_ASN1,
        (11, Some(Curve::P256)) => &signature::ECDSA_P256_SHA384_ASN1,
        (10, Some(Curve::P384)) => &signature::ECDSA_P384_SHA256_ASN1,
        (11, Some(Curve::P384)) => &signature::ECDSA_P384_SHA384_ASN1,
        (10, Some(Curve::P521)) => &signature::ECDSA_P521_SHA256_ASN1,
        (11, Some(Curve::P521)) => &signature::ECDSA_P521_SHA384_ASN1,
        (12, Some(Curve::P521)) => &signature::ECDSA_P521_SHA512_ASN1,
        (13, _) if rsa => &signature::RSA_PSS_2048_8192_SHA256,
        (14, _) if rsa => &signature::RSA_PSS_2048_8192_SHA384,
        (15, _) if rsa => &signature::RSA_PSS_2048_8192_SHA512,
        (16, None) if !rsa => &signature::ED25519,
        _ => return None,
    })
}

/// Tells if a certificate is for a host: an address, or a name of which the first part may be a star.
fn names_host(certificate: &Certificate<'_>, host: &str) -> bool {
    let names = &certificate.known.names;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return names
            .ip
            .iter()
            .any(|own| *own == address.to_canonical().to_string());
    }
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    names.dns.iter().any(|own| {
        let own = own.to_ascii_lowercase();
        let own = own.strip_suffix('.').unwrap_or(&own);
        match (own.strip_prefix("*."), host.split_once('.')) {
            (Some(own), Some((_, rest))) => own == rest,
            _ => own == host,
        }
    })
}
