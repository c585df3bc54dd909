//! Fetches one document from a web server. Redirects are followed over TLS.

use super::{Error, Fetched, MAX_BYTES, refuse_archive, texts, too_large};
use crate::http::{Failed, FollowError, Http, Pace, Url};

/// Fetches a document; its file name is the last part of the URL.
///
/// # Errors
/// [`Error::Missing`], [`Error::Denied`], [`Error::Remote`], [`Error::Http`], [`Error::TooLarge`].
pub(super) async fn document(http: &Http, origin: &str, url: &Url) -> Result<Fetched, Error> {
    refuse_archive(origin, url.path())?;
    let remote = |reason: String| Error::Remote {
        origin: origin.to_owned(),
        reason,
    };
    let answer = http.get_following(url).await;
    let response = answer.map_err(|error| match error {
        FollowError::Http(error) => Error::Http(error),
        FollowError::Certificate { problem, reason } => Error::Certificate {
            origin: origin.to_owned(),
            problem,
            reason,
        },
        error => remote(error.to_string()),
    })?;
    let status = response.status();
    if status.as_u16() == 404 {
        return Err(Error::Missing {
            origin: origin.to_owned(),
            what: "the document".to_owned(),
        });
    }
    if let status @ (401 | 403) = status.as_u16() {
        return Err(Error::Denied {
            origin: origin.to_owned(),
            status,
        });
    }
    if !status.is_success() {
        return Err(remote(format!("the server responded with status {status}")));
    }
    let pace = Pace::new(http.waits());
    let read = pace.whole(response, MAX_BYTES as u64, &origin).await;
    let bytes = read.map_err(|failed| match failed {
        Failed::Large { .. } => too_large(origin),
        failed => remote(failed.to_string()),
    })?;
    let name = url.path_segments().and_then(|mut path| path.next_back());
    let name = name
        .filter(|name| !name.is_empty())
        .unwrap_or("policy.yaml");
    let shown = match url.scheme() {
        // A URL of this machine keeps its scheme.
        "http" => url.as_str(),
        _ => &url[url::Position::BeforeHost..],
    };
    let kind = if url.scheme() == "http" { "" } else { "http::" };
    Ok(Fetched {
        pinned: format!("{kind}{shown}"),
        files: texts(origin, vec![(name.to_owned(), bytes)])?,
    })
}
