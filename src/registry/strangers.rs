//! Hosts that only a Snapshot names: a writer of Snapshots must not reach the private network of
//! the run through them.
//!
//! A host belongs to the user when a flag or `promote.yaml` names it, or an auth file has an
//! entry for it. A loopback address outside of a pod belongs to the user too, as in tests and
//! on laptops; in a pod it is private.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Error, Registry, request::transport};
use crate::{
    http::{self, Failed, HostPort, Method, Problem, Url},
    image::Repository,
};

/// The hosts of a run by origin. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Strangers(Arc<Mutex<Hosts>>);

#[derive(Debug, Default)]
struct Hosts {
    /// Named by a flag or `promote.yaml`.
    own: Vec<HostPort>,
    foreign: Vec<HostPort>,
    /// True if loopback addresses are private.
    in_pod: bool,
}

impl Strangers {
    fn with<T>(&self, work: impl FnOnce(&mut Hosts) -> T) -> T {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut hosts)
    }

    /// Tells whether only a Snapshot names the host, and whether this is a pod.
    fn of(&self, host: &str) -> (bool, bool) {
        self.with(|hosts| {
            let covers = |list: &[HostPort]| list.iter().any(|named| named.covers(host));
            (covers(&hosts.foreign) && !covers(&hosts.own), hosts.in_pod)
        })
    }
}

impl Registry {
    /// Adds hosts that the user names.
    pub(crate) fn trust_hosts(&self, hosts: impl IntoIterator<Item = HostPort>) {
        self.0.strangers.with(|known| known.own.extend(hosts));
    }

    /// Records that the run is in a pod, where a loopback address is not a registry of the user.
    pub(crate) fn in_pod(&self) {
        self.0.strangers.with(|known| known.in_pod = true);
    }

    /// Adds the registries of repositories that a Snapshot names.
    pub(crate) fn named_by_snapshot<'a>(
        &self,
        repositories: impl IntoIterator<Item = &'a Repository>,
    ) {
        let hosts = repositories.into_iter();
        let hosts = hosts.filter_map(|repository| repository.registry().parse().ok());
        self.0.strangers.with(|known| known.foreign.extend(hosts));
    }

    /// Tells whether a request must not reach a private address: one to the registry of the
    /// repository, or to a place to which that registry leads (a store of blobs, a token server).
    ///
    /// # Errors
    /// [`Error::AuthFile`].
    pub(super) async fn is_bound_to_public(
        &self,
        repository: &Repository,
        home: &Url,
        url: &Url,
    ) -> Result<bool, Error> {
        let (is_foreign, in_pod) = self.0.strangers.of(repository.registry());
        if !is_foreign || self.0.auth.names(repository).await? {
            return Ok(false);
        }
        // A registry of this machine may keep its blobs in another server on it.
        let is_local = |url: &Url| http::is_loopback(&http::authority(url));
        Ok(in_pod || !(is_local(home) && is_local(url)))
    }

    /// Returns the same error for a name with private addresses alone as for
    /// a private address in the reference.
    ///
    /// # Errors
    /// [`Error::AuthFile`].
    pub(super) async fn barred(
        &self,
        repository: &Repository,
        method: &Method,
        url: &Url,
        failed: Failed,
    ) -> Result<Error, Error> {
        if failed.problem() != Problem::Barred {
            return Ok(transport(method, url, failed));
        }
        let home = self.base(repository)?;
        let host = http::authority(url);
        if self.is_bound_to_public(repository, &home, url).await? {
            return Ok(stranger(&home, host));
        }
        Ok(match self.leads_to_public(&home, url) {
            true => http::Error::Private { host }.into(),
            false => http::Error::LinkLocal { host }.into(),
        })
    }
}

/// The error for a private address that a registry is at, or leads to, that only a Snapshot names.
pub(super) fn stranger(home: &Url, host: String) -> Error {
    let registry = http::authority(home);
    match registry == host {
        true => http::Error::Stranger { host }.into(),
        false => http::Error::Led { host, registry }.into(),
    }
}

/// Returns the host in the value of a flag: of a URL, an image or repository, each also
/// behind `NAME=`. A document and a name without a path have none.
pub(crate) fn named_host(value: &str) -> Option<HostPort> {
    let value = value.trim();
    if value.starts_with(['{', '-', '/', '.']) || value.contains('\n') {
        return None;
    }
    // A getter such as git:: or oci:: may precede a URL.
    let place = match value.split_once("::") {
        Some((getter, place)) if getter.bytes().all(|b| b.is_ascii_alphanumeric()) => place,
        _ => value,
    };
    let place = place.rsplit_once("://").map_or(place, |(_, place)| place);
    let (authority, _) = place.split_once('/')?;
    let authority = authority.rsplit_once(['@', '=']);
    let authority = authority.map_or(place.split('/').next()?, |(_, host)| host);
    authority.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_host_that_a_flag_names() {
        for (value, host) in [
            ("r.example:5000/acme/web:v1", "r.example:5000"),
            ("docker://r.example/acme/web@sha256:00", "r.example"),
            ("oci::https://r.example/policy", "r.example"),
            ("web=10.0.0.5:5000/acme/web", "10.0.0.5:5000"),
            ("git::https://user:word@g.example/x?ref=1", "g.example"),
            ("[fd00::1]:5000/acme/web", "[fd00::1]:5000"),
        ] {
            let found = named_host(value);
            assert!(found.is_some_and(|found| found.covers(host)), "{value}");
        }
        for value in [
            "v1.0",
            "10.0.0.5",
            "policy.yaml",
            "./policy/rules",
            "/etc/policy",
            "{\"components\": [{\"containerImage\": \"10.0.0.5/a\"}]}",
            "sources:\n- policy: [oci::10.0.0.5/a]",
            "",
        ] {
            assert!(named_host(value).is_none(), "{value}");
        }
    }
}
