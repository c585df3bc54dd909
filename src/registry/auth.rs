//! Authentication: challenges (RFC 9110 §11), basic credentials and the token protocol of the
//! distribution reference implementation.
//!
//! The first request to a host goes alone, so that a host without authentication costs
//! nothing and one with it is asked once. A token is fetched once for all who need it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OnceCell};

use super::{
    Error, Registry,
    challenge::{Challenge, parse, same_domain},
    credentials::{AuthFiles, AuthPaths, Credential, CredentialSecret, Secret},
    request::transport,
    token::{BearerToken, MARGIN, token, token_request},
};
use crate::{
    http::{self, Failed, Http, Pace, Traffic, Url, authority, header, redacted_url},
    image::Repository,
};

const MAX_TOKEN: u64 = 1 << 20;

/// The permissions that a request needs in a repository, as token scopes.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// The repository that the request is for; its credential is used.
    pub(super) repository: Repository,
    /// Every scope, as the token protocol writes it.
    pub(super) scopes: BTreeSet<String>,
}

impl Access {
    /// Access for reading from the repository (scope `pull`).
    pub(super) fn pull(repository: &Repository) -> Self {
        Self::new(repository, "pull")
    }

    /// Access for writing into the repository (scopes `pull` and `push`).
    pub(super) fn push(repository: &Repository) -> Self {
        Self::new(repository, "pull,push")
    }

    /// Access for deleting from the repository (scope `delete`).
    pub(super) fn delete(repository: &Repository) -> Self {
        Self::new(repository, "delete,pull")
    }

    /// Adds the scopes of a challenge, cut to what the request itself does: its repository, and no
    /// right to write or delete that it does not need.
    fn extend(&mut self, asked: &str) {
        let path = self.repository.path().to_owned();
        let own = |actions| self.scopes.contains(&scope(&self.repository, actions));
        let (writes, deletes) = (own("pull,push"), own("delete,pull"));
        for scope in asked.split(' ') {
            let mut parts = scope.rsplitn(2, ':');
            let actions = parts.next().unwrap_or_default();
            let named = parts
                .next()
                .and_then(|rest| rest.strip_prefix("repository:"));
            if named != Some(&path) {
                continue;
            }
            let needed = |action: &&str| {
                matches!(*action, "pull" | "metadata_read")
                    || writes && matches!(*action, "push" | "metadata_write")
                    || deletes && *action == "delete"
            };
            let kept: Vec<_> = actions.split(',').filter(needed).collect();
            if !kept.is_empty() {
                self.scopes
                    .insert(format!("repository:{path}:{}", kept.join(",")));
            }
        }
        self.shorten();
    }

    /// Drops a scope that another one contains.
    fn shorten(&mut self) {
        let all = self.scopes.clone();
        self.scopes
            .retain(|scope| !all.contains(&format!("{scope},push")));
    }

    fn new(repository: &Repository, actions: &str) -> Self {
        let scopes = BTreeSet::from([scope(repository, actions)]);
        Self {
            repository: repository.clone(),
            scopes,
        }
    }
}

fn scope(repository: &Repository, actions: &str) -> String {
    format!("repository:{}:{actions}", repository.path())
}

/// Repositories between which a copy moves, so that one token serves all its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Together(pub(super) Vec<(Repository, bool)>);

/// State of the authentication with one registry.
#[derive(Debug, Default)]
pub(super) struct HostAuth {
    known: AtomicBool,
    first: AsyncMutex<()>,
    challenge: Mutex<Option<Challenge>>,
    /// Set when its token server grants only one scope per request.
    one_scope: AtomicBool,
}

impl HostAuth {
    /// Waits for the first request to the host; the caller that gets the guard sends it.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if self.known.load(Ordering::Acquire) {
            return None;
        }
        let guard = self.first.lock().await;
        (!self.known.load(Ordering::Acquire)).then_some(guard)
    }

    /// Records a first answer of the host, so that later requests need not wait for it.
    pub(super) fn answered(&self) {
        self.known.store(true, Ordering::Release);
    }

    /// Tells whether the host requires authentication.
    pub(super) fn asks(&self) -> bool {
        self.challenge().is_some()
    }

    fn challenge(&self) -> Option<Challenge> {
        let challenge = self.challenge.lock();
        challenge.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Slot = Arc<AsyncMutex<Option<BearerToken>>>;
type Key = (String, String, BTreeSet<String>);

/// The credentials, challenges and tokens of a run.
pub(super) struct Auth {
    http: Http,
    places: AuthPaths,
    files: OnceCell<AuthFiles>,
    credentials: AsyncMutex<BTreeMap<Repository, Option<Credential>>>,
    hosts: Mutex<BTreeMap<String, Arc<HostAuth>>>,
    tokens: Mutex<BTreeMap<Key, Slot>>,
    /// Registries and the token servers outside of their domain that were warned of.
    warned: Mutex<BTreeSet<(String, String)>>,
}

impl Auth {
    /// The files with credentials, whether they exist or not.
    pub(super) fn files(&self) -> &[std::path::PathBuf] {
        self.places.paths()
    }

    /// Takes the credential sources; nothing is read before a registry requires authentication.
    pub(super) fn new(http: Http, places: AuthPaths) -> Self {
        Self {
            http,
            places,
            files: OnceCell::new(),
            credentials: AsyncMutex::default(),
            hosts: Mutex::default(),
            tokens: Mutex::default(),
            warned: Mutex::default(),
        }
    }

    /// Returns the authentication state of the registry at the URL.
    pub(super) fn host(&self, url: &Url) -> Arc<HostAuth> {
        let hosts = self.hosts.lock();
        let mut hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        let key = url.origin().ascii_serialization();
        Arc::clone(hosts.entry(key).or_default())
    }

    /// The credential for the repository; looked up once.
    pub(super) async fn credential(
        &self,
        repository: &Repository,
    ) -> Result<Option<Credential>, Error> {
        let mut known = self.credentials.lock().await;
        if let Some(found) = known.get(repository) {
            return Ok(found.clone());
        }
        let files = self.files.get_or_try_init(|| async { self.places.read() });
        let found = files.await?.find(repository).await?;
        match &found {
            Some(found) => tracing::debug!("credentials for {repository}: {}", found.origin),
            None => tracing::debug!("no credentials for {repository} in {}", self.places),
        }
        known.insert(repository.clone(), found.clone());
        Ok(found)
    }

    /// Tells whether a file of credentials has an entry for the repository, without running a helper.
    ///
    /// # Errors
    /// [`Error::AuthFile`].
    pub(super) async fn names(&self, repository: &Repository) -> Result<bool, Error> {
        let files = self.files.get_or_try_init(|| async { self.places.read() });
        Ok(files.await?.name(repository))
    }

    /// Widens the access to every repository of this copy on the same host with the same credential.
    pub(super) async fn widen(
        &self,
        mut access: Access,
        together: &Together,
    ) -> Result<Access, Error> {
        let own = &access.repository;
        if !together.0.iter().any(|(repository, _)| repository == own) {
            return Ok(access);
        }
        let principal = self.credential(own).await?;
        for (repository, write) in &together.0 {
            let same_host = repository.registry() == own.registry();
            if same_host && self.credential(repository).await? == principal {
                access
                    .scopes
                    .insert(scope(repository, if *write { "pull,push" } else { "pull" }));
            }
        }
        access.shorten();
        Ok(access)
    }

    /// Records that the host's token server grants one scope only: from now on each request asks
    /// for its own alone.
    pub(super) fn one_scope(&self, host: &HostAuth) {
        tracing::debug!("the token server honours one scope of a request: asking for each alone");
        host.one_scope.store(true, Ordering::Relaxed);
    }

    /// Returns the value of the header `Authorization`, or `None` before the host has sent a challenge. `own` is
    /// the access of this request alone, without the other repositories of the copy. `registry`
    /// decides which addresses a token server may have.
    ///
    /// # Errors
    /// Any [`Error`] of looking up credentials or fetching a token.
    pub(super) async fn header(
        &self,
        registry: &Registry,
        host: &HostAuth,
        access: &Access,
        own: &Access,
    ) -> Result<Option<header::HeaderValue>, Error> {
        let Some(challenge) = host.challenge() else {
            return Ok(None);
        };
        let access = match host.one_scope.load(Ordering::Relaxed) {
            true => own,
            false => access,
        };
        let credential = self.credential(&access.repository).await?;
        let value = match (&challenge, credential) {
            (Challenge::Basic, None) => return Ok(None),
            (
                _,
                Some(Credential {
                    proof: CredentialSecret::Bearer(token),
                    ..
                }),
            ) => {
                format!("Bearer {}", token.reveal())
            }
            (Challenge::Basic, Some(credential)) => match credential.proof.basic() {
                Some(value) => value,
                None => return Ok(None),
            },
            (Challenge::Bearer { realm, service }, credential) => {
                let token = self.token(registry, realm, service, credential, access);
                let token = token.await?;
                format!("Bearer {}", token.reveal())
            }
        };
        Ok(header::HeaderValue::try_from(value).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        }))
    }

    /// Handles a 401: stores the challenge and drops the token that was used.
    ///
    /// # Errors
    /// [`Error::Protocol`] when credentials would travel unprotected.
    pub(super) async fn refused(
        &self,
        url: &Url,
        host: &HostAuth,
        headers: &header::HeaderMap,
        used: Option<&header::HeaderValue>,
        access: &mut Access,
    ) -> Result<(), Error> {
        let Some((challenge, scope)) = parse(url, headers)? else {
            return Ok(());
        };
        if let Challenge::Bearer { realm, service } = &challenge {
            let credential = self.credential(&access.repository).await?;
            let slot = self.slot(realm, service, credential.as_ref(), access);
            let mut token = slot.lock().await;
            // Another request may have renewed the token meanwhile: drop only the one that failed.
            let bearer = token
                .as_ref()
                .map(|token| format!("Bearer {}", token.value.reveal()));
            if bearer
                .is_some_and(|bearer| used.is_some_and(|used| used.as_bytes() == bearer.as_bytes()))
            {
                token.take();
            }
            access.extend(&scope);
            if credential.is_some() && !same_domain(url, realm) {
                self.warn_of_realm(url, realm);
            }
        }
        let known = host.challenge.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = Some(challenge);
        Ok(())
    }

    /// Warns once that credentials are sent to another domain than the registry's.
    fn warn_of_realm(&self, url: &Url, realm: &Url) {
        let (registry, realm) = (authority(url), authority(realm));
        let warned = self.warned.lock();
        let mut warned = warned.unwrap_or_else(PoisonError::into_inner);
        if warned.insert((registry.clone(), realm.clone())) {
            tracing::warn!(
                "the registry {registry} sends credentials to {realm}, which is outside of its domain"
            );
        }
    }

    fn slot(
        &self,
        realm: &Url,
        service: &str,
        credential: Option<&Credential>,
        access: &Access,
    ) -> Slot {
        let principal = credential.map(|c| c.origin.clone()).unwrap_or_default();
        let key = (
            format!("{realm} {service}"),
            principal,
            access.scopes.clone(),
        );
        let tokens = self.tokens.lock();
        let mut tokens = tokens.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(key).or_default())
    }

    async fn token(
        &self,
        registry: &Registry,
        realm: &Url,
        service: &str,
        credential: Option<Credential>,
        access: &Access,
    ) -> Result<Secret, Error> {
        let slot = self.slot(realm, service, credential.as_ref(), access);
        let mut known = slot.lock().await;
        if let Some(token) = known
            .as_ref()
            .filter(|token| token.ends > Instant::now() + MARGIN)
        {
            return Ok(token.value.clone());
        }
        let token = self.fetch(registry, realm, service, credential, access);
        let token = token.await?;
        let value = token.value.clone();
        *known = Some(token);
        Ok(value)
    }

    async fn fetch(
        &self,
        registry: &Registry,
        realm: &Url,
        service: &str,
        credential: Option<Credential>,
        access: &Access,
    ) -> Result<BearerToken, Error> {
        let client = registry.client_to(&access.repository, realm, Traffic::Small);
        let client = client.await?;
        let proof = credential.as_ref().map(|c| &c.proof);
        let (request, method, url) = token_request(&client, realm, service, proof, &access.scopes);
        let failed = |reason: &str| Error::Transport {
            method: method.to_string(),
            url: redacted_url(&url),
            reason: reason.to_owned(),
            slow: false,
        };
        let sent = self
            .http
            .send(request, &method, &url, http::Sent::default());
        let sent = match sent.await {
            Ok(sent) => sent,
            Err(failed) => {
                let failed = registry.barred(&access.repository, &method, &url, failed);
                return Err(failed.await?);
            }
        };
        let status = sent.status().as_u16();
        if !sent.status().is_success() {
            return Err(match status {
                400 | 401 | 403 => self.denial(redacted_url(&url), status, credential.as_ref()),
                408 | 425 | 429 | 500.. => {
                    failed(&format!("the token server answered with status {status}"))
                }
                _ => Error::Protocol {
                    url: redacted_url(&url),
                    reason: "its token server answered with something else than a token",
                },
            });
        }
        let pace = Pace::new(self.http.waits());
        let body = pace.whole(sent, MAX_TOKEN, &redacted_url(&url)).await;
        let body = body.map_err(|error| match error {
            Failed::Large { .. } => failed("the token server's answer is too long"),
            error => transport(&method, &url, error),
        })?;
        token(&body).map_err(failed)
    }

    /// The error for an answer 401 or 403.
    ///
    /// # Errors
    /// Any [`Error`] of looking up credentials.
    pub(super) async fn denied(
        &self,
        repository: &Repository,
        url: String,
        status: u16,
    ) -> Result<Error, Error> {
        let credential = self.credential(repository).await?;
        Ok(self.denial(url, status, credential.as_ref()))
    }

    fn denial(&self, url: String, status: u16, credential: Option<&Credential>) -> Error {
        Error::Denied {
            url,
            status,
            credentials: credential.map(|credential| credential.origin.clone()),
            searched: self.places.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_cannot_widen_what_a_request_does() {
        let repository = "r.example/acme/web".parse().unwrap();
        let asked = "repository:acme/web:pull,push,delete repository:acme/prod:pull,push repository:other/all:* registry:catalog:* repository:acme/web:metadata_read";
        let scopes = |mut access: Access| {
            access.extend(asked);
            access.scopes.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(
            scopes(Access::pull(&repository)),
            [
                "repository:acme/web:metadata_read",
                "repository:acme/web:pull"
            ]
        );
        assert_eq!(
            scopes(Access::push(&repository)),
            [
                "repository:acme/web:metadata_read",
                "repository:acme/web:pull,push"
            ]
        );
    }
}
