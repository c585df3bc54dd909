//! Keys that sign commits: SSH (`gpg.format = ssh`, OpenSSH `PROTOCOL.sshsig`) and OpenPGP.

use std::fmt;

use jiff::Timestamp;
use ssh_key::{
    Algorithm, HashAlg, LineEnding, PrivateKey, Signature, SshSig,
    private::{KeypairData, RsaKeypair},
};

use super::{openpgp, rsa_key};

/// The namespace of git's signatures.
const NAMESPACE: &str = "git";

/// A private key that signs commits.
#[derive(Clone)]
pub(crate) struct CommitSigningKey(LoadedKey);

#[derive(Clone)]
enum LoadedKey {
    Ssh(Box<PrivateKey>),
    OpenPgp(Box<openpgp::SecretKey>),
}

/// A key that cannot sign.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SigningError {
    /// The file is not a private key.
    #[error("it is not a private key in OpenSSH's or OpenPGP's format: {reason}")]
    Format { reason: String },
    /// The key is locked, and no passphrase was given.
    #[error("the private key is encrypted with a passphrase")]
    Encrypted,
    /// The passphrase does not unlock the key.
    #[error("the passphrase does not unlock the private key")]
    Passphrase,
    /// No key of the file may sign.
    #[error("no key of the file can sign: {reason}")]
    Unusable { reason: String },
    #[error("the private key cannot sign: {reason}")]
    Sign { reason: String },
}

impl fmt::Debug for CommitSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl CommitSigningKey {
    /// Reads a private key in OpenSSH's format or an exported OpenPGP key, which must be valid at
    /// `time`, and unlocks it.
    ///
    /// # Errors
    /// Any [`SigningError`].
    pub(crate) fn parse(
        bytes: &[u8],
        passphrase: Option<&[u8]>,
        time: Timestamp,
    ) -> Result<Self, SigningError> {
        if openpgp::is_openpgp(bytes) {
            let key = openpgp::SecretKey::parse(bytes, passphrase, time)?;
            return Ok(Self(LoadedKey::OpenPgp(Box::new(key))));
        }
        let key = PrivateKey::from_openssh(bytes).map_err(|error| SigningError::Format {
            reason: error.to_string(),
        })?;
        if !key.is_encrypted() {
            return Ok(Self(LoadedKey::Ssh(Box::new(key))));
        }
        let passphrase = passphrase.ok_or(SigningError::Encrypted)?;
        let key = key
            .decrypt(passphrase)
            .map_err(|_| SigningError::Passphrase)?;
        Ok(Self(LoadedKey::Ssh(Box::new(key))))
    }

    /// Signs the bytes of a commit made at `time`; returns the text of its `gpgsig` header.
    pub(super) fn sign(&self, commit: &[u8], time: Timestamp) -> Result<String, SigningError> {
        match &self.0 {
            LoadedKey::OpenPgp(key) => key.sign(commit, time),
            LoadedKey::Ssh(key) => {
                let signature = match key.key_data() {
                    KeypairData::Rsa(pair) => rsa_signature(key, pair, commit),
                    _ => key.sign(NAMESPACE, HashAlg::Sha512, commit),
                };
                let armored = signature.and_then(|signature| signature.to_pem(LineEnding::LF));
                armored.map_err(|error| SigningError::Sign {
                    reason: error.to_string(),
                })
            }
        }
    }
}

fn rsa_signature(key: &PrivateKey, pair: &RsaKeypair, commit: &[u8]) -> ssh_key::Result<SshSig> {
    let message = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, commit)?;
    let raw = rsa_key::sign(pair, &message).map_err(|_| ssh_key::Error::Crypto)?;
    let algorithm = Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    };
    let signature = Signature::new(algorithm, raw)?;
    SshSig::new(
        key.public_key().key_data().clone(),
        NAMESPACE,
        HashAlg::Sha512,
        signature,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen -t ed25519` for this test only.
    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\nQyNTUxOQAAACDcqGrETQakmsUON3XnuTWodf3vtqkMSLHboP8p2+G54QAAAIjN49jlzePY\n5QAAAAtzc2gtZWQyNTUxOQAAACDcqGrETQakmsUON3XnuTWodf3vtqkMSLHboP8p2+G54Q\nAAAECKVRhlWYJu35QA9WRl8+j3Ky5TTjpyw2HcKecDWnJ4ytyoasRNBqSaxQ43dee5Nah1\n/e+2qQxIsdug/ynb4bnhAAAABHRlc3QB\n-----END OPENSSH PRIVATE KEY-----\n";

    #[test]
    fn signs_so_that_the_public_key_verifies_and_only_the_same_bytes() {
        let key = CommitSigningKey::parse(KEY.as_bytes(), None, Timestamp::UNIX_EPOCH).unwrap();
        let signed = key.sign(b"tree 1", Timestamp::UNIX_EPOCH).unwrap();
        let signature: SshSig = signed.parse().unwrap();
        let LoadedKey::Ssh(pair) = &key.0 else {
            panic!("expected an SSH key");
        };
        let public = pair.public_key();
        assert!(public.verify(NAMESPACE, b"tree 1", &signature).is_ok());
        assert!(public.verify(NAMESPACE, b"tree 2", &signature).is_err());
        assert!(public.verify("file", b"tree 1", &signature).is_err());
    }

    #[test]
    fn refuses_a_file_without_a_key_and_never_shows_one() {
        let wrong =
            CommitSigningKey::parse(b"-----BEGIN PUBLIC KEY-----\n", None, Timestamp::UNIX_EPOCH)
                .unwrap_err();
        assert!(matches!(wrong, SigningError::Format { .. }), "{wrong}");
        let key = CommitSigningKey::parse(KEY.as_bytes(), None, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(***)");
    }

    #[test]
    fn unlocks_an_ssh_key_by_its_passphrase_alone() {
        let locked = include_bytes!("../../tests/fixtures/openpgp/ssh-locked");
        let parse = |passphrase: Option<&[u8]>| {
            CommitSigningKey::parse(locked, passphrase, Timestamp::UNIX_EPOCH)
        };
        assert!(parse(Some(b"correct horse")).is_ok());
        assert!(matches!(parse(None), Err(SigningError::Encrypted)));
        assert!(matches!(
            parse(Some(b"correct horsE")),
            Err(SigningError::Passphrase)
        ));
    }
}
