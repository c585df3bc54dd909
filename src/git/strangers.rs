//! Hosts that only a Snapshot names: whoever may write one must not reach the private network of
//! the run by it.
//!
//! A host is the user's own when a flag or `promote.yaml` names a repository of it, or a login names
//! the host. A loopback address that is written as such is allowed outside of pods.

use std::sync::PoisonError;

use url::Url;

use super::{Error, Git};
use crate::http::{self, Client, Failed, Problem, Traffic, authority};

impl Git {
    /// Notes the repository of a Snapshot's component. In a pod a directory is refused: its files
    /// are those of the run.
    ///
    /// # Errors
    /// [`Error::Url`].
    pub(crate) fn named_by_snapshot(&self, text: &str) -> Result<(), Error> {
        let url = Url::parse(text).ok().filter(|url| url.scheme() != "file");
        match url {
            Some(url) => {
                let foreign = self.foreign.lock();
                let mut foreign = foreign.unwrap_or_else(PoisonError::into_inner);
                foreign.insert(url.origin().ascii_serialization());
                Ok(())
            }
            None if self.is_in_pod() && !super::transport::is_ssh(text) => Err(Error::Url {
                url: super::error::redacted(text),
                reason: "expected https://HOST/PATH or ssh://HOST/PATH in a Snapshot",
            }),
            None => Ok(()),
        }
    }

    fn is_in_pod(&self) -> bool {
        let variable = self.credentials.env().get("KUBERNETES_SERVICE_HOST");
        variable.is_some()
    }

    /// Tells whether a request must not reach a private address.
    fn is_bound_to_public(&self, url: &Url) -> Result<bool, Error> {
        let foreign = self.foreign.lock();
        let foreign = foreign.unwrap_or_else(PoisonError::into_inner);
        if !foreign.contains(&url.origin().ascii_serialization()) || self.trusts(url) {
            return Ok(false);
        }
        let own = self.credentials.of(url, None, false)?;
        let is_own = own.is_some() || !self.credentials.extra_headers(url, false)?.is_empty();
        let is_local = http::is_loopback(&authority(url)) && !self.is_in_pod();
        Ok(!is_own && !is_local)
    }

    /// The HTTP client for a URL.
    ///
    /// # Errors
    /// [`Error::Http`] for an address that must not be asked.
    pub(super) fn client_to(&self, url: &Url) -> Result<Client, Error> {
        if !self.is_bound_to_public(url)? {
            return Ok(self.http.client(url, Traffic::Small)?);
        }
        let client = self.http.public_client(url, Traffic::Small);
        client.map_err(|error| match error {
            http::Error::Private { host } => http::Error::Stranger { host }.into(),
            error => error.into(),
        })
    }

    /// The error of a name that has private addresses alone, if the request failed for that.
    pub(super) fn barred(&self, url: &Url, failed: &Failed) -> Option<Error> {
        let host = authority(url);
        let is_barred = failed.problem() == Problem::Barred;
        match is_barred.then(|| self.is_bound_to_public(url))? {
            Ok(true) => Some(http::Error::Stranger { host }.into()),
            Ok(false) => Some(http::Error::LinkLocal { host }.into()),
            Err(error) => Some(error),
        }
    }
}
