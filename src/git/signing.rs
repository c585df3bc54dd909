//! Commits signed with an SSH key, as `gpg.format = ssh` makes them (OpenSSH `PROTOCOL.sshsig`).

use std::fmt;

use ssh_key::{HashAlg, LineEnding, PrivateKey};

/// The purpose that git puts into its signatures.
const NAMESPACE: &str = "git";

/// A private key that signs commits.
#[derive(Clone)]
pub(crate) struct SigningKey(PrivateKey);

/// Why a key cannot sign.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SigningError {
    /// It is no private key.
    #[error("it is no private key in OpenSSH's format: {reason}")]
    Format {
        /// What the parser said.
        reason: String,
    },
    /// It is locked by a passphrase, and nobody is there to type it.
    #[error("the private key is encrypted with a passphrase")]
    Encrypted,
    /// The algorithm cannot sign.
    #[error("the private key cannot sign: {reason}")]
    Sign {
        /// What the library said.
        reason: String,
    },
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// Reads a private key in OpenSSH's own format.
    ///
    /// # Errors
    /// [`SigningError::Format`] or [`SigningError::Encrypted`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SigningError> {
        let key = PrivateKey::from_openssh(bytes).map_err(|error| SigningError::Format {
            reason: error.to_string(),
        })?;
        if key.is_encrypted() {
            return Err(SigningError::Encrypted);
        }
        Ok(Self(key))
    }

    /// Signs the bytes of a commit; the text is what its `gpgsig` header holds.
    pub(super) fn sign(&self, commit: &[u8]) -> Result<String, SigningError> {
        let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, commit);
        let armored = signature.and_then(|signature| signature.to_pem(LineEnding::LF));
        armored.map_err(|error| SigningError::Sign {
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use ssh_key::SshSig;

    use super::*;

    /// Made by `ssh-keygen -t ed25519` for this test only.
    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\nQyNTUxOQAAACDcqGrETQakmsUON3XnuTWodf3vtqkMSLHboP8p2+G54QAAAIjN49jlzePY\n5QAAAAtzc2gtZWQyNTUxOQAAACDcqGrETQakmsUON3XnuTWodf3vtqkMSLHboP8p2+G54Q\nAAAECKVRhlWYJu35QA9WRl8+j3Ky5TTjpyw2HcKecDWnJ4ytyoasRNBqSaxQ43dee5Nah1\n/e+2qQxIsdug/ynb4bnhAAAABHRlc3QB\n-----END OPENSSH PRIVATE KEY-----\n";

    #[test]
    fn signs_so_that_the_public_key_verifies_and_only_the_same_bytes() {
        let key = SigningKey::parse(KEY.as_bytes()).unwrap();
        let signature: SshSig = key.sign(b"tree 1").unwrap().parse().unwrap();
        let public = key.0.public_key();
        assert!(public.verify(NAMESPACE, b"tree 1", &signature).is_ok());
        assert!(public.verify(NAMESPACE, b"tree 2", &signature).is_err());
        assert!(public.verify("file", b"tree 1", &signature).is_err());
    }

    #[test]
    fn refuses_what_is_no_key_and_never_shows_one() {
        let wrong = SigningKey::parse(b"-----BEGIN PUBLIC KEY-----\n").unwrap_err();
        assert!(matches!(wrong, SigningError::Format { .. }), "{wrong}");
        let key = SigningKey::parse(KEY.as_bytes()).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(***)");
    }
}
