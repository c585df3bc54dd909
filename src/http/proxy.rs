//! Chooses the proxy of a request by the rules of Go's `httpproxy`, which other tools of the field follow.
//!
//! `HTTPS_PROXY` is for URLs with TLS, `HTTP_PROXY` for the others; both may be in lower case. This
//! machine is never reached by a proxy. `NO_PROXY` lists addresses, networks (`10.0.0.0/8`), domains
//! including their subdomains (`example.com`), subdomains alone (`.example.com`, `*.example.com`), each with
//! or without a port, or `*`.

use std::{net::IpAddr, sync::Arc};

use super::{Url, address_of, is_loopback};
use crate::env::Env;

/// The proxy settings of the environment.
#[derive(Debug, Clone)]
pub(super) struct Proxies(Arc<ProxyRules>);

#[derive(Debug)]
struct ProxyRules {
    http: Option<Url>,
    https: Option<Url>,
    none: Vec<Exception>,
}

/// An entry of `NO_PROXY`: a target that is reached directly.
#[derive(Debug, PartialEq, Eq)]
enum Exception {
    All,
    Address(IpAddr, Option<u16>),
    Network(IpAddr, u8),
    Domain {
        suffix: String,
        /// Set when the domain itself matches too.
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    pub(super) fn new(env: &Env) -> Self {
        let either = |large: &str, small: &str| env.get(large).or_else(|| env.get(small));
        let url = |large: &str, small: &str| either(large, small).and_then(proxy_url);
        let none = either("NO_PROXY", "no_proxy").unwrap_or_default();
        Self(Arc::new(ProxyRules {
            http: url("HTTP_PROXY", "http_proxy"),
            https: url("HTTPS_PROXY", "https_proxy"),
            none: none.split(',').filter_map(exception).collect(),
        }))
    }

    /// Returns the hosts of the proxies.
    pub(super) fn hosts(&self) -> Vec<String> {
        let all = [&self.0.http, &self.0.https].into_iter().flatten();
        all.filter_map(|url| url.host_str().map(str::to_owned))
            .collect()
    }

    /// Returns the HTTP library's proxy; `None` without any setting.
    pub(super) fn library(&self) -> Option<reqwest::Proxy> {
        let rules = Arc::clone(&self.0);
        let any = rules.http.is_some() || rules.https.is_some();
        any.then(|| reqwest::Proxy::custom(move |url| rules.of(url)))
    }
}

impl ProxyRules {
    fn of(&self, url: &Url) -> Option<Url> {
        let proxy = match url.scheme() {
            "https" => self.https.as_ref()?,
            _ => self.http.as_ref()?,
        };
        let host = url.host_str()?.to_ascii_lowercase();
        let (address, port) = (address_of(url), url.port_or_known_default());
        let is_excepted = |rule: &Exception| rule.covers(&host, address, port);
        let direct = is_loopback(&host) || self.none.iter().any(is_excepted);
        (!direct).then(|| proxy.clone())
    }
}

impl Exception {
    fn covers(&self, host: &str, address: Option<IpAddr>, port: Option<u16>) -> bool {
        let same_port = |of: &Option<u16>| of.is_none() || *of == port;
        match self {
            Self::All => true,
            Self::Address(own, of) => {
                address.is_some_and(|address| address.to_canonical() == own.to_canonical())
                    && same_port(of)
            }
            Self::Network(network, bits) => {
                address.is_some_and(|address| is_within(address, *network, *bits))
            }
            Self::Domain {
                suffix,
                itself,
                port: of,
            } => {
                let named = suffix.strip_prefix('.').unwrap_or(suffix);
                (host.ends_with(suffix.as_str()) || *itself && host == named) && same_port(of)
            }
        }
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let bits_of = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((address, width), (network, other)) = (bits_of(address), bits_of(network));
    let shift = 128 - u32::from(bits).min(128);
    width == other && (address ^ network).checked_shr(shift).unwrap_or(0) == 0
}

/// Parses one entry of `NO_PROXY`; `None` when it is malformed.
fn exception(entry: &str) -> Option<Exception> {
    let entry = entry.trim().to_ascii_lowercase();
    if entry == "*" {
        return Some(Exception::All);
    }
    if let Some((network, bits)) = entry.split_once('/') {
        let (network, bits) = (network.parse().ok()?, bits.parse().ok()?);
        return Some(Exception::Network(network, bits));
    }
    let (host, port) = match entry.rsplit_once(':') {
        // An IPv6 address without a port has colons of its own.
        Some((host, port)) if !host.contains(':') || host.starts_with('[') => {
            (host, Some(port.parse().ok()?))
        }
        _ => (entry.as_str(), None),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Some(Exception::Address(address, port));
    }
    let host = host
        .strip_prefix('*')
        .filter(|rest| rest.starts_with('.'))
        .unwrap_or(host);
    match host.strip_prefix('.') {
        _ if host.is_empty() => None,
        Some(_) => Some(Exception::Domain {
            suffix: host.to_owned(),
            itself: false,
            port,
        }),
        None => Some(Exception::Domain {
            suffix: format!(".{host}"),
            itself: true,
            port,
        }),
    }
}

/// Parses the proxy's URL, whose scheme may be missing.
fn proxy_url(text: &str) -> Option<Url> {
    let known = |url: &Url| {
        matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.host_str().is_some()
    };
    let found = Url::parse(text).ok().filter(known);
    let found = found.or_else(|| Url::parse(&format!("http://{text}")).ok().filter(known));
    if found.is_none() {
        tracing::warn!("the proxy of the environment is ignored: it is not a URL");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_proxy(none: &str, url: &str) -> bool {
        let env = Env::from([
            ("HTTP_PROXY", "http://proxy.example:3128"),
            ("https_proxy", "proxy.example:3129"),
            ("NO_PROXY", none),
        ]);
        let url = Url::parse(url).unwrap();
        Proxies::new(&env).0.of(&url).is_some()
    }

    #[test]
    fn exceptions_are_those_of_go() {
        for (none, url, proxied) in [
            ("", "http://reg.example/", true),
            ("", "https://reg.example/", true),
            ("", "http://127.0.0.1:5000/", false),
            ("", "http://localhost:5000/", false),
            ("", "http://[::1]:5000/", false),
            ("reg.example:5000", "http://reg.example:5000/", false),
            ("reg.example:5000", "http://reg.example:5001/", true),
            ("reg.example:443", "https://reg.example/", false),
            ("reg.example", "http://a.reg.example/", false),
            (".example", "http://reg.example/", false),
            (".reg.example", "http://reg.example/", true),
            ("*.example", "http://reg.example/", false),
            ("*.reg.example", "http://reg.example/", true),
            ("g.example", "http://reg.example/", true),
            ("*", "https://10.1.2.3/", false),
            (" a.example , REG.example ", "http://reg.example/", false),
            ("10.0.0.0/8", "http://10.1.2.3:5000/", false),
            ("10.0.0.0/8", "http://11.1.2.3/", true),
            ("10.1.2.3", "http://10.1.2.3/", false),
            ("10.1.2.3:80", "http://10.1.2.3/", false),
            ("10.1.2.3:81", "http://10.1.2.3/", true),
            ("fd00::/8", "http://[fd00::1]/", false),
            ("fd00::1", "http://[fd00::1]/", false),
            ("[fd00::1]:5000", "http://[fd00::1]:5000/", false),
            (",,", "http://reg.example/", true),
        ] {
            assert_eq!(takes_proxy(none, url), proxied, "{none:?} {url}");
        }
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let env = Env::from([("HTTPS_PROXY", "socks5://p.example:1")]);
        let proxies = Proxies::new(&env);
        let of = |url: &str| {
            proxies
                .0
                .of(&Url::parse(url).unwrap())
                .map(|url| url.to_string())
        };
        assert_eq!(of("http://reg.example/"), None);
        assert_eq!(
            of("https://reg.example/").as_deref(),
            Some("socks5://p.example:1")
        );
        assert!(Proxies::new(&Env::default()).library().is_none());
    }
}
