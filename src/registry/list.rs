//! Lists the tags of a repository page by page.

use serde::Deserialize;

use super::{
    Error, Registry,
    auth::Access,
    client::{MAX_PAGES, too_many_pages},
    pages::next_page,
    request::{RegistryRequest, read},
};
use crate::{
    http::{Method, StatusCode, redacted_url},
    image::Repository,
};

/// The largest page of a list, in bytes.
const MAX_PAGE: u64 = 4 << 20;

/// A page of `GET /v2/<name>/tags/list`.
#[derive(Debug, Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

impl Registry {
    /// Lists the tags of a repository that `wanted` takes; none where the repository does not exist.
    ///
    /// OCI distribution specification, "Listing Tags". One request a page.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn tags(
        &self,
        repository: &Repository,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, Error> {
        let mut next = Some(self.url(repository, "tags/list")?);
        let mut found = Vec::new();
        for page in 0..MAX_PAGES {
            let Some(url) = next else {
                return Ok(found);
            };
            let call = RegistryRequest::new(Method::GET, url, Access::pull(repository));
            let answer = self.call(call.clone()).await?;
            if page == 0 && answer.status() == StatusCode::NOT_FOUND {
                return Ok(found);
            }
            let answer = self.check(&call, answer).await?;
            next = next_page(&call.url, answer.headers())?;
            let bytes = read(self.0.http.waits(), &call.url, answer, MAX_PAGE).await?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|_| Error::Protocol {
                url: redacted_url(&call.url),
                reason: "its list of tags cannot be read",
            })?;
            let tags = page.tags.into_iter().flatten();
            found.extend(tags.filter(|tag| wanted(tag)));
        }
        Err(too_many_pages(repository))
    }
}
