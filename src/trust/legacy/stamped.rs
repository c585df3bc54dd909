//! Keyless attestations under a tag that no log has: cosign stamps their whole envelope (RFC 3161), and that timestamp proves
//! when the certificate was used.

use serde_json::Value;
use sigstore_verify::types::{Sha256Hash, TimestampToken};

use super::{
    CHAIN, Digest, ExpectedIdentity, LegacySignature, LogEntry, LoggedCandidate, Reason, Signer,
    TrustChecks, bundle, certificate_key, leaf, legacy_timestamp, malformed, sigstore,
    stamped_time,
};

impl TrustChecks {
    /// With a certificate and no log: the timestamp over the whole envelope proves when it was made.
    pub(super) fn by_stamp(
        &self,
        expected: &[ExpectedIdentity],
        subject: &LoggedCandidate<'_>,
        signed: &LegacySignature<'_>,
        content: Value,
        digest: &Digest,
    ) -> Result<(Signer, Option<LogEntry>), Reason> {
        let annotations = &subject.candidate.annotations;
        let leaf = leaf(annotations)?;
        let root = self.root()?;
        let token = legacy_timestamp(annotations)?.ok_or(Reason::NoTime)?;
        let token =
            TimestampToken::from_base64(&token).map_err(|error| malformed("timestamp", error))?;
        let time = stamped_time(&token, signed.blob, root)?;
        let spki = certificate_key(&leaf).map_err(|error| malformed("certificate", error))?;
        let stated = |error: String| malformed("entry", error);
        let stand_in = root.stand_in().map_err(stated)?;
        let entry = stand_in.entry(&signed.logged(&spki, Some(&leaf)), &leaf, time);
        let bundle = bundle(
            &leaf,
            annotations.get(CHAIN),
            entry.map_err(stated)?,
            &[],
            content,
        )?;
        let hash = Sha256Hash::new(*digest.as_bytes());
        let skip = self.skip_certificate_log;
        let signer = sigstore::keyless(stand_in.verifier(), hash, &bundle, expected, skip)?;
        Ok((signer, None))
    }
}
