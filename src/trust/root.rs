//! The trusted root: certificate authorities, logs and timestamp authorities
//! (Sigstore protobuf specification, `TrustedRoot` 0.1).
//!
//! Missing fields of private roots are tolerated. The validity of an authority is then limited to the
//! time in which every certificate of its chain is valid.

use std::{collections::BTreeSet, ops::Deref, sync::OnceLock};

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use sigstore_verify::{
    Verifier,
    crypto::{KeyAlgorithm, Keyring},
    trust_root::{
        SIGSTORE_PRODUCTION_TRUSTED_ROOT, SIGSTORE_STAGING_TRUSTED_ROOT, TransparencyLog,
        TrustedRoot,
    },
    types::{Bundle, LogKeyId, TimeRange, TsaAuthority},
};

use super::{Error, key::life, rekor_v2, root_parts, stand_in::StandIn};

/// Fields that ProtoJSON omits if they are empty, but that the library requires.
const REQUIRED: [(&str, &str); 3] = [
    ("tlogs", "baseUrl"),
    ("ctlogs", "baseUrl"),
    ("certificateAuthorities", "uri"),
];

/// The type of an Ed25519 key in the identifier of a log (C2SP, signed notes).
const ED25519: u8 = 1;

/// A parsed trusted root, with the verifier that uses it.
pub(crate) struct SigstoreRoot {
    verifier: Verifier,
    logs: Keyring,
    timestamp_authorities: Vec<TsaAuthority>,
    authorities: TrustedRoot,
    stand_in: OnceLock<Result<StandIn, String>>,
    origin: String,
}

impl std::fmt::Debug for SigstoreRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Root").field(&self.origin).finish()
    }
}

impl SigstoreRoot {
    /// Parses the JSON of a trusted root.
    ///
    /// # Errors
    /// [`Error::Root`] with the origin.
    pub(crate) fn parse(json: &[u8], origin: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Root {
            origin: origin.to_owned(),
            reason,
        };
        let document = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
        let document = root_parts::usable(complete(camel_case(document)), origin);
        let text = document.to_string();
        let mut root = TrustedRoot::from_json(&text).map_err(|error| wrong(error.to_string()))?;
        clamp(&mut root).map_err(wrong)?;
        Self::of(root, origin)
    }

    fn of(root: TrustedRoot, origin: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Root {
            origin: origin.to_owned(),
            reason,
        };
        Ok(Self {
            verifier: Verifier::new(&root).map_err(|error| wrong(error.to_string()))?,
            logs: root
                .rekor_keys()
                .map_err(|error| wrong(error.to_string()))?,
            timestamp_authorities: root.tsa_authorities(),
            authorities: root,
            stand_in: OnceLock::new(),
            origin: origin.to_owned(),
        })
    }

    /// Returns the built-in root of the public Sigstore instance.
    ///
    /// # Errors
    /// [`Error::Root`].
    pub(crate) fn public_good() -> Result<Self, Error> {
        let json = SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes();
        Self::parse(json, "this program (public-good)")
    }

    /// Returns the built-in root of Sigstore's staging instance.
    ///
    /// # Errors
    /// [`Error::Root`].
    pub(crate) fn staging() -> Result<Self, Error> {
        let json = SIGSTORE_STAGING_TRUSTED_ROOT.as_bytes();
        Self::parse(json, "this program (staging)")
    }

    /// Returns the root with the names of a bundle's logs. The identifier of a Rekor v2 log with an Ed25519
    /// key is a hash over its name and key, but a root of single keys lacks the name: it is taken from the
    /// checkpoint, which that key signs together with the name.
    pub(super) fn knowing(&self, bundle: &Bundle) -> NamedRoot<'_> {
        let entries = bundle.verification_material.tlog_entries.iter();
        let notes = entries
            .filter(|entry| rekor_v2::is_v2(entry))
            .filter_map(|entry| {
                let proof = entry.inclusion_proof.as_ref()?;
                proof.checkpoint.checkpoint()
            });
        let origins: BTreeSet<_> = notes.map(|note| note.origin().to_owned()).collect();
        let mut named_logs = Vec::new();
        for log in &self.authorities.tlogs {
            let Some(key) = nameless(log) else { continue };
            for origin in &origins {
                let id = Sha256::new()
                    .chain_update(origin)
                    .chain_update([b'\n', ED25519])
                    .chain_update(key)
                    .finalize();
                let mut named = log.clone();
                named.log_id.key_id = LogKeyId::from_bytes(&id);
                named_logs.push(named);
            }
        }
        if named_logs.is_empty() {
            return NamedRoot::AsIs(self);
        }
        let mut root = self.authorities.clone();
        root.tlogs.extend(named_logs);
        Self::of(root, &self.origin).map_or(NamedRoot::AsIs(self), |root| {
            NamedRoot::Named(Box::new(root))
        })
    }

    /// Tells whether a certificate belongs to an authority of the root.
    pub(super) fn names_authority(&self, der: &[u8]) -> bool {
        let authorities = self.authorities.certificate_authorities.iter();
        let mut named = authorities.flat_map(|authority| &authority.cert_chain.certificates);
        named.any(|named| named.raw_bytes.as_bytes() == der)
    }

    /// Returns the origin of the root for messages.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the library's verifier for this root.
    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Returns the keys of the transparency logs.
    pub(super) fn logs(&self) -> &Keyring {
        &self.logs
    }

    /// Returns the stand-in for logs whose entries the library cannot read, made at the first call.
    pub(super) fn stand_in(&self) -> Result<&StandIn, String> {
        let made = self
            .stand_in
            .get_or_init(|| StandIn::new(&self.authorities));
        made.as_ref().map_err(Clone::clone)
    }

    /// Returns the timestamp authorities of the root.
    pub(super) fn timestamp_authorities(&self) -> &[TsaAuthority] {
        &self.timestamp_authorities
    }
}

/// A root as loaded, or with the names of a bundle's logs.
pub(super) enum NamedRoot<'a> {
    AsIs(&'a SigstoreRoot),
    Named(Box<SigstoreRoot>),
}

impl Deref for NamedRoot<'_> {
    type Target = SigstoreRoot;

    fn deref(&self) -> &SigstoreRoot {
        match self {
            Self::AsIs(root) => root,
            Self::Named(root) => root,
        }
    }
}

/// Returns the raw Ed25519 key of a log whose name is unknown; `None` for other logs.
fn nameless(log: &TransparencyLog) -> Option<&[u8]> {
    let spki = &log.public_key.raw_bytes;
    let by_key = log.log_id.key_id.as_bytes() == Sha256::digest(spki.as_bytes()).as_slice();
    let is_ed25519 = matches!(KeyAlgorithm::from_spki(spki), Ok(KeyAlgorithm::Ed25519));
    let key = spki.as_bytes().last_chunk::<32>()?;
    (by_key && is_ed25519).then_some(key)
}

/// Converts member names such as `base_url` to `baseUrl`, because protobuf's JSON allows both.
fn camel_case(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (camel_case_name(&name), camel_case(value)));
            Value::Object(members.collect())
        }
        Value::Array(elements) => elements.into_iter().map(camel_case).collect(),
        other => other,
    }
}

fn camel_case_name(name: &str) -> String {
    let mut words = name.split('_');
    let mut result = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut characters = word.chars();
        result.extend(characters.next().map(|c| c.to_ascii_uppercase()));
        result.push_str(characters.as_str());
    }
    result
}

fn complete(mut root: Value) -> Value {
    for (list, field) in REQUIRED {
        let elements = root.get_mut(list).and_then(Value::as_array_mut);
        for element in elements.into_iter().flatten() {
            let element: Option<&mut Map<_, _>> = element.as_object_mut();
            element.map(|element| element.entry(field).or_insert_with(|| "".into()));
        }
    }
    root
}

/// Limits the validity of each authority to the time in which its whole chain is valid.
fn clamp(root: &mut TrustedRoot) -> Result<(), String> {
    let authorities = root
        .certificate_authorities
        .iter_mut()
        .map(|authority| (&authority.cert_chain, &mut authority.valid_for));
    let stampers = root
        .timestamp_authorities
        .iter_mut()
        .map(|authority| (&authority.cert_chain, &mut authority.valid_for));
    for (chain, window) in authorities.chain(stampers) {
        let mut start = window.map_or(Timestamp::MIN, |window| window.start);
        let mut end = window
            .and_then(|window| window.end)
            .unwrap_or(Timestamp::MAX);
        for certificate in &chain.certificates {
            let life = life(certificate.raw_bytes.as_bytes())?;
            start = start.max(life.start);
            end = end.min(life.end.unwrap_or(end));
        }
        // A chain that was never valid as a whole gets a validity that contains no signature.
        *window = Some(if start <= end {
            TimeRange::new(start, Some(end))
        } else {
            TimeRange::new(Timestamp::MAX, None)
        });
    }
    Ok(())
}
