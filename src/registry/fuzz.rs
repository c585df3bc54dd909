//! What `crate::fuzz` feeds with mutated bytes.

use super::{Manifest, challenge, credentials, pages};
use crate::http::{Url, header};

/// Challenges of one header.
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

/// A manifest or index.
pub(crate) fn manifest(bytes: &[u8]) {
    let manifest = Manifest::new("", bytes.to_vec().into());
    if let Ok(content) = manifest.content() {
        let _ = format!("{content:?}");
    }
}

/// A list of referrers.
pub(crate) fn referrers(bytes: &[u8]) {
    let _ = super::referrers::entries(&crate::image::Digest::of(b"x"), bytes);
}

/// An auth file.
pub(crate) fn credentials(bytes: &[u8]) {
    credentials::tests::read_bytes(bytes);
}
