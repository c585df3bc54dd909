//! Checks 100,000 mutated signatures, envelopes, certificates, log entries and bundles from a fixed
//! seed: none panics, and none is accepted. If the mutated byte is not signed, the accepted
//! statement and signer must be unchanged.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::sigstore::{Layer, Signer, bundle, dsse_entry, hashedrekord};

use super::*;
use crate::{
    image::Digest,
    trust::{
        discover::{Container, EvidenceCandidate},
        legacy::{CheckedEvidence, LoggedCandidate},
    },
};

const SEED: u64 = 0x005e_ed0f_7a57;

/// A small random generator (xorshift64*), so that each run makes the same mutations.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(value).unwrap() % limit
    }

    /// Changes one bit, truncates the bytes, or doubles a byte.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(16) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, bytes[at]),
            _ => bytes[at] ^= 1 << self.below(8),
        }
    }
}

fn candidate(
    container: Container,
    bytes: Vec<u8>,
    annotations: BTreeMap<String, String>,
) -> EvidenceCandidate {
    EvidenceCandidate {
        origin: "mutation".to_owned(),
        container,
        bytes: bytes.into(),
        annotations,
    }
}

fn of_layer(container: Container, layer: &Layer) -> EvidenceCandidate {
    let annotations = layer.annotations.iter();
    let annotations =
        annotations.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()));
    candidate(container, layer.bytes.clone(), annotations.collect())
}

/// The accepted signer, with the statement if there is one.
fn check(
    verifier: &ImageVerifier,
    candidate: &EvidenceCandidate,
    digest: &Digest,
) -> Option<String> {
    let subject = LoggedCandidate {
        candidate,
        looked_up: None,
    };
    match verifier.trust().check(&subject, digest).ok()? {
        CheckedEvidence::Signature(signature) => Some(format!(
            "{:?} {:?}",
            signature.signer, signature.annotations
        )),
        CheckedEvidence::Attestation(found) => {
            let signers = found.signatures.iter().map(|signature| &signature.signer);
            Some(format!(
                "{:?} {}",
                signers.collect::<Vec<_>>(),
                found.statement.document()
            ))
        }
    }
}

/// Mutates the signed bytes of a candidate, or the decoded content of one of its annotations.
fn mutate_parts(dice: &mut Dice, candidate: &EvidenceCandidate) -> EvidenceCandidate {
    let mut mutated = candidate.clone();
    let names: Vec<_> = candidate.annotations.keys().cloned().collect();
    let part = dice.below(names.len() + 1);
    let Some(name) = names.get(part) else {
        let mut bytes = candidate.bytes.to_vec();
        dice.mutate(&mut bytes);
        mutated.bytes = bytes.into();
        return mutated;
    };
    let text = mutated.annotations.get_mut(name).unwrap();
    *text = if name.ends_with("signature") {
        through_base64(dice, text)
    } else if name.ends_with("certificate") {
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let body = through_base64(dice, &body);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    } else {
        let mut entry: Value = serde_json::from_str(text).unwrap();
        let field = [
            "/Payload/body",
            "/SignedEntryTimestamp",
            "/Payload/integratedTime",
            "/Payload/logIndex",
        ];
        let field = entry.pointer_mut(field[dice.below(4)]).unwrap();
        *field = match field.as_str() {
            Some(text) => through_base64(dice, text).into(),
            None => (field.as_u64().unwrap() ^ (1 << dice.below(32))).into(),
        };
        entry.to_string()
    };
    mutated
}

fn through_base64(dice: &mut Dice, text: &str) -> String {
    let mut bytes = STANDARD.decode(text).unwrap();
    dice.mutate(&mut bytes);
    STANDARD.encode(bytes)
}

#[test]
fn no_mutated_signature_is_accepted() {
    let world = World::new();
    let digest = world.reference().digest;
    let (payload, certificate) = (world.claims(), world.honest_certificate());
    let signature = world.key.sign(&payload).unwrap();
    let owner = Signer::key(&world.key);
    let keyless = Signer::keyless(&world.key, &certificate);
    let plain = of_layer(
        Container::SimpleSigning,
        &Layer::signature(&payload, &signature),
    );
    let logged = Layer::signature(&payload, &signature)
        .logged(&world.log(&hashedrekord(&payload, &signature, &owner)));
    let certified = Layer::signature(&payload, &signature)
        .certified(&certificate)
        .logged(&world.log(&hashedrekord(&payload, &signature, &keyless)));
    let rows = [
        (world.by_key(), plain, 60_000),
        (
            world.by_logged_key(),
            of_layer(Container::SimpleSigning, &logged),
            10_000,
        ),
        (
            world.keyless(),
            of_layer(Container::SimpleSigning, &certified),
            5_000,
        ),
    ];
    let mut dice = Dice(SEED);
    for (verifier, good, count) in rows {
        assert!(check(&verifier, &good, &digest).is_some());
        for number in 0..count {
            let mutated = mutate_parts(&mut dice, &good);
            if mutated.bytes == good.bytes && mutated.annotations == good.annotations {
                continue;
            }
            let found = check(&verifier, &mutated, &digest);
            assert_eq!(found, None, "mutation {number}: {mutated:?}");
        }
    }
}

#[test]
fn a_mutated_document_adds_no_statement() {
    let world = World::new();
    let digest = world.reference().digest;
    let envelope = world.envelope(&world.statement(PREDICATE));
    let certificate = world.honest_certificate();
    let keyless = Signer::keyless(&world.key, &certificate);
    let whole = |signer: &Signer<'_>| {
        let entry = world.log(&dsse_entry(&envelope, signer));
        bundle(&world.sigstore.log, &envelope, signer, Some(&entry))
            .unwrap()
            .to_string()
            .into_bytes()
    };
    let none = BTreeMap::new;
    let rows = [
        (
            world.by_key(),
            candidate(
                Container::Envelope,
                envelope.to_string().into_bytes(),
                none(),
            ),
            15_000,
        ),
        (
            world.by_logged_key(),
            candidate(Container::Bundle, whole(&Signer::key(&world.key)), none()),
            5_000,
        ),
        (
            world.keyless(),
            candidate(Container::Bundle, whole(&keyless), none()),
            5_000,
        ),
    ];
    let mut dice = Dice(SEED);
    for (verifier, good, count) in rows {
        let said = check(&verifier, &good, &digest);
        assert!(said.is_some());
        for number in 0..count {
            let mut bytes = good.bytes.to_vec();
            dice.mutate(&mut bytes);
            let mutated = candidate(good.container, bytes, none());
            let found = check(&verifier, &mutated, &digest);
            assert!(
                found.is_none() || found == said,
                "mutation {number}: {found:?}"
            );
        }
    }
}
