//! Entry points for `crate::fuzz`: each parses mutated bytes.

use super::{Manifest, challenge, credentials, pages};
use crate::http::{Url, header};

/// Parses the challenges of one header.
pub(crate) fn challenges(bytes: &[u8]) {
    let Ok(url) = Url::parse("https://r.example/v2/") else {
        return;
    };
    let mut headers = header::HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = header::HeaderValue::from_bytes(line) {
            headers.append(header::WWW_AUTHENTICATE, value.clone());
            headers.append(header::LINK, value);
        }
    }
    let _ = challenge::parse(&url, &headers);
    if let Ok(Some(next)) = pages::next_page(&url, &headers) {
        assert_eq!(next.origin(), url.origin());
    }
}

/// Parses a manifest or index with its descriptors.
pub(crate) fn manifest(bytes: &[u8]) {
    let manifest = Manifest::new("", bytes.to_vec().into());
    if let Ok(content) = manifest.content() {
        let _ = format!("{content:?}");
    }
}

/// Parses the entries of a list of referrers.
pub(crate) fn referrers(bytes: &[u8]) {
    let _ = super::referrers::entries(&crate::image::Digest::of(b"x"), bytes);
}

/// Reads the entries of an auth file.
pub(crate) fn credentials(bytes: &[u8]) {
    credentials::tests::read_bytes(bytes);
}
