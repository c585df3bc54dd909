//! URLs of a repository's endpoints (distribution specification 1.1, "API").

use super::{Error, Registry, Version};
use crate::{
    http::{Url, redacted_url},
    image::Repository,
};

impl Registry {
    /// Returns the URL of the API of the repository's registry.
    pub(super) fn base(&self, repository: &Repository) -> Result<Url, Error> {
        self.url(repository, "")
    }

    /// Returns the URL of a manifest, for messages.
    pub(crate) fn manifest_url(&self, repository: &Repository, version: &Version) -> String {
        match self.url(repository, &format!("manifests/{version}")) {
            Ok(url) => redacted_url(&url),
            Err(_) => format!("{repository}:{version}"),
        }
    }

    /// Returns the URL of an endpoint of the repository.
    pub(super) fn url(&self, repository: &Repository, rest: &str) -> Result<Url, Error> {
        // Docker Hub's API answers under another name than its images have.
        let host = match repository.registry() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let scheme = self.0.http.scheme(host);
        let url = format!("{scheme}://{host}/v2/{}/{rest}", repository.path());
        Url::parse(&url).map_err(|_| Error::Protocol {
            url,
            reason: "the registry's name makes no URL",
        })
    }
}
