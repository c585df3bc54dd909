//! Digests and keyed digests, in hexadecimal.

use hmac::{Hmac, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::operand::{Answer, Failure, give, string};
use crate::value::Value;

fn digest<D: Digest>(operands: &[Value]) -> Answer {
    give(hex::encode(D::digest(string(operands, 0)?)))
}

pub(super) fn md5(operands: &[Value]) -> Answer {
    digest::<Md5>(operands)
}

pub(super) fn sha1(operands: &[Value]) -> Answer {
    digest::<Sha1>(operands)
}

pub(super) fn sha256(operands: &[Value]) -> Answer {
    digest::<Sha256>(operands)
}

macro_rules! keyed {
    ($name:ident, $text:literal, $digest:ty) => {
        #[doc = $text]
        pub(super) fn $name(operands: &[Value]) -> Answer {
            let (text, key) = (string(operands, 0)?, string(operands, 1)?);
            let mac = Hmac::<$digest>::new_from_slice(key.as_bytes());
            let mut mac = mac.map_err(Failure::failed)?;
            mac.update(text.as_bytes());
            give(hex::encode(mac.finalize().into_bytes()))
        }
    };
}

keyed!(hmac_md5, "`crypto.hmac.md5(text, key)`.", Md5);
keyed!(hmac_sha1, "`crypto.hmac.sha1(text, key)`.", Sha1);
keyed!(hmac_sha256, "`crypto.hmac.sha256(text, key)`.", Sha256);
keyed!(hmac_sha512, "`crypto.hmac.sha512(text, key)`.", Sha512);

/// `crypto.hmac.equal(a, b)`: compares in constant time.
pub(super) fn hmac_equal(operands: &[Value]) -> Answer {
    let (a, b) = (
        string(operands, 0)?.as_bytes(),
        string(operands, 1)?.as_bytes(),
    );
    give(aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok())
}
