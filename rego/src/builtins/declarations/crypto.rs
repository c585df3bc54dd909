//! Declarations of `crypto.*` and `io.jwt.*`: digests, certificates, keys and tokens.

use super::Entry;
use super::types::{B, NAMED, NAMED_LIST, S, TOKEN, TOKEN_VERIFIED, VERIFIED};
use crate::builtins::{crypto, jwt, keys, x509};
use crate::signature::Declaration;

pub(super) const ENTRIES: &[Entry] = &[
    (
        Declaration::new("crypto.hmac.equal", &[S, S], B),
        |_, operands| crypto::hmac_equal(operands),
    ),
    (
        Declaration::new("crypto.hmac.md5", &[S, S], S),
        |_, operands| crypto::hmac_md5(operands),
    ),
    (
        Declaration::new("crypto.hmac.sha1", &[S, S], S),
        |_, operands| crypto::hmac_sha1(operands),
    ),
    (
        Declaration::new("crypto.hmac.sha256", &[S, S], S),
        |_, operands| crypto::hmac_sha256(operands),
    ),
    (
        Declaration::new("crypto.hmac.sha512", &[S, S], S),
        |_, operands| crypto::hmac_sha512(operands),
    ),
    (Declaration::new("crypto.md5", &[S], S), |_, operands| {
        crypto::md5(operands)
    }),
    (
        Declaration::new("crypto.parse_private_keys", &[S], NAMED_LIST),
        |_, operands| keys::parse_private_keys(operands),
    ),
    (Declaration::new("crypto.sha1", &[S], S), |_, operands| {
        crypto::sha1(operands)
    }),
    (Declaration::new("crypto.sha256", &[S], S), |_, operands| {
        crypto::sha256(operands)
    }),
    (
        Declaration::new("crypto.x509.parse_and_verify_certificates", &[S], VERIFIED),
        |context, operands| x509::parse_and_verify(operands, context),
    ),
    (
        Declaration::new(
            "crypto.x509.parse_and_verify_certificates_with_options",
            &[S, NAMED],
            VERIFIED,
        ),
        |context, operands| x509::parse_and_verify_with_options(operands, context),
    ),
    (
        Declaration::new("crypto.x509.parse_certificate_request", &[S], NAMED),
        |_, operands| x509::parse_request(operands),
    ),
    (
        Declaration::new("crypto.x509.parse_certificates", &[S], NAMED_LIST),
        |_, operands| x509::parse_certificates(operands),
    ),
    (
        Declaration::new("crypto.x509.parse_keypair", &[S, S], NAMED),
        |_, operands| x509::parse_key_pair(operands),
    ),
    (
        Declaration::new("crypto.x509.parse_rsa_private_key", &[S], NAMED),
        |_, operands| keys::parse_rsa_private_key(operands),
    ),
    (
        Declaration::new("io.jwt.decode", &[S], TOKEN),
        |_, operands| jwt::decode(operands),
    ),
    (
        Declaration::new("io.jwt.decode_verify", &[S, NAMED], TOKEN_VERIFIED).nondeterministic(),
        |context, operands| jwt::decode_verify(operands, context),
    ),
    (
        Declaration::new("io.jwt.encode_sign", &[NAMED, NAMED, NAMED], S).nondeterministic(),
        |_, operands| jwt::encode_sign(operands),
    ),
    (
        Declaration::new("io.jwt.encode_sign_raw", &[S, S, S], S).nondeterministic(),
        |_, operands| jwt::encode_sign_raw(operands),
    ),
    (
        Declaration::new("io.jwt.verify_eddsa", &[S, S], B),
        |_, operands| jwt::verify(operands, "EdDSA"),
    ),
    (
        Declaration::new("io.jwt.verify_es256", &[S, S], B),
        |_, operands| jwt::verify(operands, "ES256"),
    ),
    (
        Declaration::new("io.jwt.verify_es384", &[S, S], B),
        |_, operands| jwt::verify(operands, "ES384"),
    ),
    (
        Declaration::new("io.jwt.verify_es512", &[S, S], B),
        |_, operands| jwt::verify(operands, "ES512"),
    ),
    (
        Declaration::new("io.jwt.verify_hs256", &[S, S], B),
        |_, operands| jwt::verify_secret(operands, "HS256"),
    ),
    (
        Declaration::new("io.jwt.verify_hs384", &[S, S], B),
        |_, operands| jwt::verify_secret(operands, "HS384"),
    ),
    (
        Declaration::new("io.jwt.verify_hs512", &[S, S], B),
        |_, operands| jwt::verify_secret(operands, "HS512"),
    ),
    (
        Declaration::new("io.jwt.verify_ps256", &[S, S], B),
        |_, operands| jwt::verify(operands, "PS256"),
    ),
    (
        Declaration::new("io.jwt.verify_ps384", &[S, S], B),
        |_, operands| jwt::verify(operands, "PS384"),
    ),
    (
        Declaration::new("io.jwt.verify_ps512", &[S, S], B),
        |_, operands| jwt::verify(operands, "PS512"),
    ),
    (
        Declaration::new("io.jwt.verify_rs256", &[S, S], B),
        |_, operands| jwt::verify(operands, "RS256"),
    ),
    (
        Declaration::new("io.jwt.verify_rs384", &[S, S], B),
        |_, operands| jwt::verify(operands, "RS384"),
    ),
    (
        Declaration::new("io.jwt.verify_rs512", &[S, S], B),
        |_, operands| jwt::verify(operands, "RS512"),
    ),
];
