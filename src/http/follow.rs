//! Fetches documents whose server redirects: policies and keys.
//!
//! A redirect is followed over TLS only, never to a private address of another host, and its body is never shown.

use super::{
    CertificateProblem, Error, Http, Method, Problem, Redirect, Response, Sent, Traffic, Url,
    authority, header, redirected,
};

const MAX_REDIRECTS: usize = 5;

/// A document that could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// A host that must not be reached, or a client that could not be set up.
    #[error(transparent)]
    Http(#[from] Error),
    #[error("{0}")]
    Transport(String),
    /// The server's certificate is not accepted.
    #[error("{reason}")]
    Certificate {
        problem: CertificateProblem,
        reason: String,
    },
    /// A redirect that is not followed.
    #[error("{host} redirects {reason}")]
    Redirect {
        host: String,
        /// The target, and what was expected.
        reason: &'static str,
    },
}

impl Http {
    /// Fetches a URL and follows redirects; the answer may have any other status.
    ///
    /// # Errors
    /// Any [`FollowError`].
    pub(crate) async fn get_following(&self, url: &Url) -> Result<Response, FollowError> {
        let mut next = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let client = match same_place(&next, url) {
                true => self.client(&next, Traffic::Small)?,
                false => self.public_client(&next, Traffic::Small)?,
            };
            let request = client.request(Method::GET, next.clone());
            let answer = self.send(request, &Method::GET, &next, Sent::default());
            let answer = answer.await.map_err(|failed| {
                let reason = failed.to_string();
                match failed.problem() {
                    Problem::Certificate(problem) => FollowError::Certificate { problem, reason },
                    _ => FollowError::Transport(reason),
                }
            })?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let location = answer.headers().get(header::LOCATION);
            let Some(location) = location.and_then(|value| value.to_str().ok()) else {
                return Ok(answer);
            };
            let refused = |reason| FollowError::Redirect {
                host: authority(&next),
                reason,
            };
            let to = redirected(&next, location).map_err(|error| match error {
                Redirect::NoUrl => refused("to something that is not a URL of the web"),
                Redirect::Downgrade => refused("from TLS to plain HTTP"),
            })?;
            if to.scheme() != "https" && !same_place(&to, url) {
                return Err(refused("to plain HTTP"));
            }
            next = to;
        }
        Err(FollowError::Redirect {
            host: authority(url),
            reason: "more than 5 times",
        })
    }
}

/// Tells whether both have one scheme, host and port.
fn same_place(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}
