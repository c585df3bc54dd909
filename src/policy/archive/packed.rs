//! Decompresses an archive. The first bytes decide the compression, as in containerd.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

use super::{Error, MAX_UNPACKED};

/// A reader of decompressed bytes that enforces the size limit.
pub(super) struct UnpackedReader<'a> {
    inner: Box<dyn Read + 'a>,
    left: u64,
}

/// The first bytes of unsupported compressions.
const UNSUPPORTED: [(&[u8], &str); 4] = [
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"LZIP", "lzip"),
];

impl<'a> UnpackedReader<'a> {
    /// Chooses the decompressor by the first bytes.
    ///
    /// # Errors
    /// [`Error::Cut`], [`Error::Compression`] or [`Error::Damaged`].
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let unsupported = UNSUPPORTED.iter();
        let mut unsupported = unsupported.filter(|(magic, _)| bytes.starts_with(magic));
        if let Some((_, found)) = unsupported.next() {
            return Err(Error::Compression { found });
        }
        let inner: Box<dyn Read + 'a> = match bytes {
            [] => {
                return Err(Error::Cut {
                    what: "it is empty",
                });
            }
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(bytes)),
            // A zstd frame, or a skippable frame before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Box::new(
                zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| damaged(&error))?,
            ),
            _ => Box::new(bytes),
        };
        Ok(Self {
            inner,
            left: MAX_UNPACKED,
        })
    }

    /// Fills the buffer as far as bytes are left; returns the number of bytes read.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::TooLarge`].
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(damaged(&error)),
            }
        }
        self.left = self
            .left
            .checked_sub(filled as u64)
            .ok_or(Error::TooLarge {
                what: "the unpacked size",
                limit: MAX_UNPACKED,
            })?;
        Ok(filled)
    }

    /// Skips bytes, which must exist.
    ///
    /// # Errors
    /// [`Error::Cut`] and those of [`Self::fill`].
    pub(super) fn skip(&mut self, mut count: u64) -> Result<(), Error> {
        let mut buffer = [0; 16 << 10];
        while count > 0 {
            let piece = usize::try_from(count)
                .unwrap_or(buffer.len())
                .min(buffer.len());
            let buffer = buffer.get_mut(..piece).unwrap_or_default();
            if self.fill(buffer)? < piece {
                return Err(Error::Cut {
                    what: "a file is incomplete",
                });
            }
            count -= piece as u64;
        }
        Ok(())
    }

    /// Reads to the end and checks that only zeros are left.
    ///
    /// # Errors
    /// [`Error::Trailing`] and those of [`Self::fill`].
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 16 << 10];
        loop {
            let count = self.fill(&mut buffer)?;
            let read = buffer.get(..count).unwrap_or_default();
            if read.iter().any(|byte| *byte != 0) {
                return Err(Error::Trailing);
            }
            if count < buffer.len() {
                return Ok(());
            }
        }
    }
}

fn damaged(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::Cut {
            what: "the compressed bytes are incomplete",
        };
    }
    Error::Damaged {
        reason: error.to_string(),
    }
}
