//! The content of blobs and of uploads on their way to become blobs.
//!
//! A run of zeros is kept as its length, so that a layer of some GiB costs no memory.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use crate::server::Body;

/// The content of a blob: bytes, or a run of zeros.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Bytes(Bytes),
    Zeros(u64),
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(count) => *count,
        }
    }

    /// A part of the content, as the body of an answer; what lies behind the end is left out.
    pub(super) fn body(&self, part: Range<u64>) -> Body {
        let end = part.end.min(self.len());
        let start = part.start.min(end);
        match self {
            Self::Bytes(bytes) => {
                let at = |offset| usize::try_from(offset).unwrap_or(bytes.len());
                Body::from(bytes.slice(at(start)..at(end)))
            }
            Self::Zeros(_) => Body::zeros(end - start),
        }
    }
}

/// An upload that has not ended.
#[derive(Debug, Default)]
pub(super) struct Upload {
    hash: Sha256,
    zeros: u64,
    bytes: BytesMut,
}

impl Upload {
    pub(super) fn len(&self) -> u64 {
        self.zeros + self.bytes.len() as u64
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        self.hash.update(data);
        if self.bytes.is_empty() && is_zero(data) {
            self.zeros += data.len() as u64;
            return;
        }
        if self.zeros > 0 {
            let zeros = usize::try_from(self.zeros).unwrap_or(0);
            self.bytes.resize(zeros, 0);
            self.zeros = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Returns the digest and the content of the finished upload.
    pub(super) fn finish(self) -> (String, Content) {
        let digest = format!("sha256:{}", hex::encode(self.hash.finalize()));
        let content = match self.zeros {
            0 => Content::Bytes(self.bytes.freeze()),
            zeros => Content::Zeros(zeros),
        };
        (digest, content)
    }
}

fn is_zero(data: &[u8]) -> bool {
    let words = data.chunks_exact(8);
    words.remainder().iter().all(|byte| *byte == 0) && words.into_iter().all(|word| word == [0; 8])
}
