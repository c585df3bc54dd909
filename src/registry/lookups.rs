//! Limits the lookups of policy rules: which hosts they may reach, and where these may redirect to.
//!
//! A host that the run itself used before (an image's own registry, that of a policy) was named by the user and
//! remains allowed for rules.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    ClientOptions, Error, Registry, client::ClientState, limit::Limits, strangers::stranger,
    upload::Refusals,
};
use crate::{
    http::{self, Client, HostPort, Traffic, Url},
    image::Repository,
};

/// The hosts that a run has used itself. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownHosts(Arc<Mutex<BTreeSet<String>>>);

impl KnownHosts {
    fn add(&self, host: String) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(host);
    }

    fn has(&self, host: &str) -> bool {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.contains(host)
    }
}

/// The hosts that policy rules may reach.
#[derive(Debug, Clone)]
pub(super) struct LookupLimits {
    /// The hosts; empty allows any host.
    hosts: Vec<HostPort>,
}

impl LookupLimits {
    fn allow(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|named| named.covers(host))
    }
}

impl Registry {
    /// Returns this client for lookups of rules: beside the hosts that the run uses itself only these may be reached
    /// (any if the list is empty), and they may redirect to public addresses only.
    pub(crate) fn for_rules(&self, hosts: &[HostPort]) -> Self {
        let bounds = LookupLimits {
            hosts: hosts.to_vec(),
        };
        let inner = ClientState {
            http: self.0.http.clone(),
            auth: Arc::clone(&self.0.auth),
            limits: Limits::new(ClientOptions::default().jobs),
            retries: self.0.retries,
            requests: std::sync::atomic::AtomicU64::new(0),
            progress: self.0.progress.clone(),
            no_mount: Refusals::default(),
            no_referrers: Refusals::default(),
            has_empty: Refusals::default(),
            warned: Refusals::default(),
            known: self.0.known.clone(),
            strangers: self.0.strangers.clone(),
            bounds: Some(bounds),
        };
        Self(Arc::new(inner), Arc::clone(&self.1))
    }

    /// The files in which this client looks for credentials, whether they exist or not.
    pub(crate) fn credential_files(&self) -> Vec<std::path::PathBuf> {
        self.0.auth.files().to_vec()
    }

    /// Records a host that the run uses, or checks that a rule may reach it.
    ///
    /// # Errors
    /// [`Error::Http`] with [`http::Error::Unlisted`].
    pub(super) fn admit(&self, home: &Url) -> Result<(), Error> {
        let host = http::authority(home);
        match &self.0.bounds {
            None => self.0.known.add(host),
            Some(bounds) if bounds.allow(&host) || self.0.known.has(&host) => {}
            Some(_) => return Err(http::Error::Unlisted { host }.into()),
        }
        Ok(())
    }

    /// Returns the HTTP client for a URL of the repository's registry, or one to which that registry
    /// leads by a redirect or as its token server.
    ///
    /// # Errors
    /// [`Error::Http`] for a host that must not be reached.
    pub(super) async fn client_to(
        &self,
        repository: &Repository,
        url: &Url,
        traffic: Traffic,
    ) -> Result<Client, Error> {
        let home = self.base(repository)?;
        let http = &self.0.http;
        if self.is_bound_to_public(repository, &home, url).await? {
            let client = http.public_client(url, traffic);
            return client.map_err(|error| match error {
                http::Error::Private { host } => stranger(&home, host),
                error => error.into(),
            });
        }
        Ok(match self.leads_to_public(&home, url) {
            true => http.public_client(url, traffic)?,
            false => http.client(url, traffic)?,
        })
    }

    /// Tells whether a rule's look-up leads away from a host that the run does not ask itself.
    pub(super) fn leads_to_public(&self, home: &Url, url: &Url) -> bool {
        let is_elsewhere = url.origin() != home.origin();
        is_elsewhere && self.0.bounds.is_some() && !self.0.known.has(&http::authority(home))
    }
}
