//! The HTTP clients: certificate roots, plain-HTTP hosts, proxies and connection limits.
//!
//! The only user of the HTTP library. Callers follow redirects, retry and read bodies
//! themselves, because the right behaviour differs between a registry, a Git server and a policy
//! source. Clients are built when first used: a host on plain HTTP needs no certificate
//! store, and a machine without one can still talk to it.

mod exchange;
mod follow;
mod patience;
mod problem;
mod proxy;
mod retry_after;
mod roots;
mod target;
mod verifier;
mod waits;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

pub(crate) use exchange::{Pace, Sent, redacted_url, upload};
pub(crate) use follow::FollowError;
pub(crate) use patience::Patience;
pub(crate) use problem::{CertificateProblem, Failed, Problem, chain};
pub(crate) use reqwest::{
    Body, Client, Error as TransportError, Method, RequestBuilder, Response, StatusCode, Url,
    header,
};
pub(crate) use retry_after::retry_after;
use rustls::pki_types::CertificateDer;
pub(crate) use target::{Redirect, address_of, redirected};
pub(crate) use waits::Waits;

use crate::env::Env;

const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence of a peer.
const IDLE: Duration = Duration::from_secs(60);

/// `HOST` or `HOST:PORT`; without a port it matches every port of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort(String);

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if text.is_empty() || !text.chars().all(valid) {
            return Err("expected HOST or HOST:PORT".to_owned());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl HostPort {
    /// Tells whether it matches the host and port.
    pub(crate) fn covers(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        self.0 == authority || self.0 == host_of(&authority)
    }
}

/// The host of `host[:port]`, brackets of an IPv6 address kept.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Tells whether the host is this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = host_of(authority);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// How hosts are reached, as the global flags say.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpOptions {
    /// PEM files, or directories of them, with further certificate authorities.
    pub(crate) ca_files: Vec<PathBuf>,
    /// Trusts the authorities of these files alone.
    pub(crate) only_ca_files: bool,
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) plain_http: Vec<HostPort>,
    pub(crate) https: Vec<HostPort>,
    /// Hosts whose certificate is not checked.
    pub(crate) insecure: Vec<HostPort>,
    /// Skips every check of certificates.
    pub(crate) unchecked: bool,
    /// The certificate and key by which this client authenticates, as PEM.
    pub(crate) identity: Option<ClientIdentity>,
    pub(crate) waits: Waits,
}

/// A client certificate with its key, as PEM.
#[derive(Clone)]
pub(crate) struct ClientIdentity {
    /// The certificate and its intermediate authorities.
    pub(crate) chain: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An HTTP client that cannot be built, or a host that it must not reach.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// A file with certificate authorities cannot be used.
    #[error("cannot read certificates from {path}: {reason}", path = path.display())]
    CaFile { path: PathBuf, reason: String },
    /// The address is one that only this machine's network has (169.254.0.0/16, fe80::/10): cloud
    /// hosts serve their machines' credentials there.
    #[error("{host} is a link-local address, which is never contacted")]
    LinkLocal { host: String },
    /// The address is a private one, and only a redirect or a policy leads to it.
    #[error("{host} is a private address, which redirects and policies must not lead to")]
    Private { host: String },
    /// The address is a private one, and only a Snapshot leads to it, which anybody may have written.
    #[error(
        "{host} is a private address to which only a Snapshot leads, expected a host that a flag or a file of credentials names"
    )]
    Stranger { host: String },
    /// The address is a private one, and a registry that only a Snapshot names leads to it, by a
    /// redirect or as its token server.
    #[error(
        "{registry}, which only a Snapshot names, leads to {host}, a private address, expected a registry that a flag or a file of credentials names"
    )]
    Led { host: String, registry: String },
    /// Rules may reach the hosts of `--policy-hosts` only.
    #[error("{host} is not among the hosts of --policy-hosts, which rules may ask")]
    Unlisted { host: String },
    /// The HTTP library rejected its configuration.
    #[error("cannot set up the HTTP client: {reason}")]
    Client { reason: String },
}

/// The kind of traffic that a client carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Traffic {
    /// Small requests, over HTTP/2 where the server offers it.
    Small,
    /// Blob bodies, over HTTP/1.1: Go servers throttle uploads over HTTP/2.
    Bulk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Security {
    Plain,
    Checked,
    Unchecked,
}

/// The addresses that a client may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Any,
    Public,
}

/// The HTTP clients of a run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Http(Arc<HttpState>);

struct HttpState {
    options: HttpOptions,
    env: Env,
    proxies: proxy::Proxies,
    roots: OnceLock<Result<Vec<CertificateDer<'static>>, Error>>,
    clients: Mutex<BTreeMap<(Security, Traffic, Scope), Client>>,
    patience: Arc<Patience>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Stores the options; nothing is read before the first client is needed.
    pub(crate) fn new(options: HttpOptions, env: &Env) -> Self {
        Self::with_patience(options, env, Arc::default())
    }

    fn with_patience(options: HttpOptions, env: &Env, patience: Arc<Patience>) -> Self {
        Self(Arc::new(HttpState {
            options,
            env: env.clone(),
            proxies: proxy::Proxies::new(env),
            roots: OnceLock::new(),
            clients: Mutex::default(),
            patience,
        }))
    }

    /// Returns `http` for hosts of `--plain-http` and for loopback hosts for which no flag sets
    /// TLS, else `https`.
    pub(crate) fn scheme(&self, authority: &str) -> &'static str {
        let named = |hosts: &[HostPort]| hosts.iter().any(|host| host.covers(authority));
        let options = &self.0.options;
        let tls = named(&options.https) || named(&options.insecure);
        if named(&options.plain_http) || is_loopback(authority) && !tls {
            "http"
        } else {
            "https"
        }
    }

    /// Returns the client for the URL. Redirects are not followed.
    ///
    /// # Errors
    /// Any [`Error`]: a `--ca-file` that cannot be read, a broken TLS set-up, a link-local address.
    pub(crate) fn client(&self, url: &Url, traffic: Traffic) -> Result<Client, Error> {
        self.client_in(Scope::Any, url, traffic)
    }

    /// Returns the client for a URL that did not come from the user: private addresses are refused too.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn public_client(&self, url: &Url, traffic: Traffic) -> Result<Client, Error> {
        let is_local = url.host_str().is_some_and(is_loopback);
        if is_local || address_of(url).is_some_and(target::is_private) {
            let host = authority(url);
            return Err(Error::Private { host });
        }
        self.client_in(Scope::Public, url, traffic)
    }

    fn client_in(&self, scope: Scope, url: &Url, traffic: Traffic) -> Result<Client, Error> {
        let authority = authority(url);
        if address_of(url).is_some_and(target::is_link_local) {
            return Err(Error::LinkLocal { host: authority });
        }
        let insecure = self.0.options.insecure.iter();
        let security = if url.scheme() == "http" {
            Security::Plain
        } else if self.0.options.unchecked || insecure.clone().any(|host| host.covers(&authority)) {
            Security::Unchecked
        } else {
            Security::Checked
        };
        let clients = self.0.clients.lock();
        let mut clients = clients.unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(security, traffic, scope)) {
            return Ok(client.clone());
        }
        let client = self.build(security, traffic, scope)?;
        clients.insert((security, traffic, scope), client.clone());
        Ok(client)
    }

    /// Returns this client without checks of certificates, for tools with a flag for that.
    pub(crate) fn without_checks(&self) -> Self {
        let options = HttpOptions {
            unchecked: true,
            ..self.0.options.clone()
        };
        Self::with_patience(options, &self.0.env, Arc::clone(&self.0.patience))
    }

    /// Returns the pauses that the run may still make before it repeats requests.
    pub(crate) fn patience(&self) -> &Patience {
        &self.0.patience
    }

    pub(crate) fn waits(&self) -> Waits {
        self.0.options.waits
    }

    fn build(&self, security: Security, traffic: Traffic, scope: Scope) -> Result<Client, Error> {
        let proxies = self.0.proxies.hosts();
        let names = target::Names { scope, proxies };
        let mut builder = Client::builder()
            .user_agent(concat!("promote/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(names))
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(16)
            .no_proxy();
        if let Some(proxy) = self.0.proxies.library() {
            builder = builder.proxy(proxy);
        }
        builder = match traffic {
            Traffic::Bulk => builder.http1_only(),
            // For requests that are not sent by `Http::send`.
            Traffic::Small => builder.read_timeout(IDLE),
        };
        builder = match security {
            Security::Checked => {
                let identity = self.0.options.identity.as_ref();
                match verifier::configuration(&self.roots()?, identity, traffic)? {
                    Some(tls) => builder.tls_backend_preconfigured(tls),
                    None => builder.tls_certs_only([]),
                }
            }
            Security::Plain => builder.tls_certs_only([]),
            Security::Unchecked => builder
                .tls_certs_only([])
                .tls_danger_accept_invalid_certs(true),
        };
        builder.build().map_err(|error| Error::Client {
            reason: chain(&error),
        })
    }

    /// Reads the system's certificate authorities and those of `--ca-file`, `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR`. A machine without a store has none, which is not an error before a
    /// certificate has to be checked.
    fn roots(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let load = || {
            let options = &self.0.options;
            let mut roots = Vec::new();
            if !options.only_ca_files {
                roots = rustls_native_certs::load_native_certs().certs;
                roots.extend(roots::of_environment(&self.0.env));
            }
            for path in &options.ca_files {
                roots.extend(roots::of_flag(path)?);
            }
            if let Some(pem) = &options.ca_pem {
                roots.extend(roots::of_pem(pem)?);
            }
            Ok(roots)
        };
        self.0.roots.get_or_init(load).clone()
    }
}

/// Checks that the file or directory of `--ca-file` has a certificate.
///
/// # Errors
/// [`Error::CaFile`].
pub(crate) fn check_authorities(path: &Path) -> Result<(), Error> {
    roots::of_flag(path).map(drop)
}

/// Returns the `host[:port]` of a URL, as the flags name it.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_use_plain_http() {
        let plain_http = vec!["registry.example:5000".parse().unwrap()];
        let options = HttpOptions {
            plain_http,
            ..HttpOptions::default()
        };
        let http = Http::new(options, &Env::default());
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:80",
            "[::1]:5000",
            "registry.example:5000",
        ] {
            assert_eq!(http.scheme(host), "http", "{host}");
        }
        let https = vec!["localhost:5000".parse().unwrap()];
        let options = HttpOptions {
            https,
            ..HttpOptions::default()
        };
        let told = Http::new(options, &Env::default());
        assert_eq!(told.scheme("localhost:5000"), "https");
        assert_eq!(told.scheme("localhost:5001"), "http");
        for host in [
            "quay.io",
            "registry.example",
            "localhost.example",
            "128.0.0.1",
        ] {
            assert_eq!(http.scheme(host), "https", "{host}");
        }
    }

    #[test]
    fn names_a_certificate_file_that_it_cannot_read() {
        let ca_files = vec!["/nowhere/ca.pem".into()];
        let options = HttpOptions {
            ca_files,
            ..HttpOptions::default()
        };
        let http = Http::new(options, &Env::default());
        let url = Url::parse("https://quay.io").unwrap();
        let error = http.client(&url, Traffic::Small).unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
        let plain = Url::parse("http://localhost:1").unwrap();
        assert!(http.client(&plain, Traffic::Small).is_ok());
    }
}
