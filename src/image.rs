//! References, digests and media types of images, without any I/O.
//!
//! Grammar: OCI distribution specification 1.1, "Pulling manifests"; OCI image specification 1.1, "Digests".

mod digest;
mod media_type;
mod reference;

pub(crate) use digest::{Digest, DigestError, Hasher};
pub(crate) use media_type::MediaType;
pub(crate) use reference::{
    DigestReference, Reference, ReferenceError, Repository, Tag, TagError, is_transport,
};
