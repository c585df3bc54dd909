//! Tests the rights that a promotion needs without leaving anything behind.

use super::{Error, Registry, auth::Access, request::RegistryRequest};
use crate::{
    http::{Method, StatusCode, Url, header, redirected},
    image::Repository,
};

impl Registry {
    /// Lists at most one tag; tells whether the repository exists.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Denied`] without the right to pull.
    pub(crate) async fn try_pull(&self, repository: &Repository) -> Result<bool, Error> {
        let mut url = self.url(repository, "tags/list")?;
        url.query_pairs_mut().append_pair("n", "1");
        let call = RegistryRequest::new(Method::GET, url, Access::pull(repository));
        let answer = self.call(call.clone()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.check(&call, answer).await.map(|_| true)
    }

    /// Opens an upload and cancels it (distribution specification 1.1, "Cancelling an upload"):
    /// the request with which every push begins.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Denied`] without the right to push.
    pub(crate) async fn try_push(&self, repository: &Repository) -> Result<(), Error> {
        let url = self.url(repository, "blobs/uploads/")?;
        let call = RegistryRequest::new(Method::POST, url, Access::push(repository));
        let answer = self.call(call.clone()).await?;
        let answer = self.check(&call, answer).await?;
        let location = answer.headers().get(header::LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        if let Some(location) = location {
            self.cancel(repository, &call.url, location).await;
        }
        Ok(())
    }

    /// Cancels an upload on the registry's own host; an upload that stays open expires there.
    async fn cancel(&self, repository: &Repository, opened: &Url, location: &str) {
        let own = redirected(opened, location).ok();
        let Some(url) = own.filter(|url| url.origin() == opened.origin()) else {
            return;
        };
        let call = RegistryRequest::new(Method::DELETE, url, Access::push(repository)).single();
        match self.call(call).await {
            Ok(answer) => tracing::debug!("{repository}: cancelled an upload: {}", answer.status()),
            Err(error) => tracing::debug!("{repository}: cannot cancel an upload: {error}"),
        }
    }
}
