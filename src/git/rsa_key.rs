//! RSA signatures with the numbers of an SSH key.
//!
//! `ssh-key` 0.6 builds the key from one prime twice and rejects it, so its underlying crate signs.

use rsa::{
    BigUint, RsaPrivateKey,
    pkcs1v15::SigningKey,
    sha2::Sha512,
    signature::{RandomizedSigner as _, SignatureEncoding as _},
};
use ssh_key::private::RsaKeypair;

/// The smallest accepted key, in bytes.
const MIN_BYTES: usize = 256;

/// Signs a message with PKCS#1 version 1.5 and SHA-512.
pub(super) fn sign(pair: &RsaKeypair, message: &[u8]) -> Result<Vec<u8>, String> {
    use rsa::traits::PublicKeyParts as _;
    let number = |number: &ssh_key::Mpint| {
        number
            .as_positive_bytes()
            .map(BigUint::from_bytes_be)
            .ok_or("a number of the RSA key is negative")
    };
    let key = RsaPrivateKey::from_components(
        number(&pair.public.n)?,
        number(&pair.public.e)?,
        number(&pair.private.d)?,
        vec![number(&pair.private.p)?, number(&pair.private.q)?],
    )
    .map_err(|error| error.to_string())?;
    if key.size() < MIN_BYTES {
        return Err("the RSA key has fewer than 2048 bits".to_owned());
    }
    let key = SigningKey::<Sha512>::new(key);
    let signature = key
        .try_sign_with_rng(&mut rsa::rand_core::OsRng, message)
        .map_err(|error| error.to_string())?;
    Ok(signature.to_vec())
}
