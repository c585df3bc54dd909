//! Checks where a request may go: no link-local address, and no redirect that takes a secret along or
//! weakens the connection.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Scope, Url};

/// A DNS resolver that drops link-local addresses, and private ones in a public scope.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) scope: Scope,
    /// The hosts of the proxies, which the environment names: they may be private.
    pub(super) proxies: Vec<String>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self
            .proxies
            .iter()
            .any(|host| host.eq_ignore_ascii_case(name.as_str()));
        let is_refused = match self.scope {
            Scope::Public if !is_proxy => is_private,
            Scope::Any | Scope::Public => is_link_local,
        };
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (refused, good): (Vec<_>, Vec<SocketAddr>) =
                found.partition(|address| is_refused(address.ip()));
            if good.is_empty() && !refused.is_empty() {
                return Err(Barred(name.as_str().to_owned()).into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

/// A name all of whose addresses the resolver dropped.
#[derive(Debug, thiserror::Error)]
#[error("{0} has only addresses that must not be contacted (link-local or private)")]
pub(super) struct Barred(String);

/// Returns the address of a URL whose host is an IP address.
pub(crate) fn address_of(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Converts an IPv6 address that maps an IPv4 one into the latter.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Tells whether an address is link-local: 169.254.0.0/16, fe80::/10, or the
/// address of a cloud's metadata service over IPv6.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6.segments()[0] & 0xffc0 == 0xfe80
                || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
    }
}

/// Tells whether an address is not public: link-local, loopback, of a private network (RFC 1918,
/// RFC 4193), shared (RFC 6598) or unspecified.
pub(super) fn is_private(address: IpAddr) -> bool {
    if is_link_local(address) {
        return true;
    }
    match plain(address) {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_broadcast()
                || a == 0
                || a == 100 && b & 0xc0 == 64
                || a == 198 && b & 0xfe == 18
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            // 64:ff9b::/96 and 2002::/16 carry an IPv4 address.
            let [.., high, low] = v6.segments();
            let carried = std::net::Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
            let translated = first == 0x64 && second == 0xff9b;
            v6.is_loopback()
                || v6.is_unspecified()
                || first & 0xfe00 == 0xfc00
                || translated && is_private(IpAddr::V4(carried))
        }
    }
}

/// A redirect that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// It does not name a URL of the web.
    NoUrl,
    /// It leads from TLS to plain HTTP.
    Downgrade,
}

/// Resolves a `Location` to a URL without its user and password: they would become a header
/// of the next request, and a message would show them.
///
/// # Errors
/// Any [`Redirect`]. A link-local address is refused by the client itself.
pub(crate) fn redirected(from: &Url, location: &str) -> Result<Url, Redirect> {
    let mut to = from.join(location).map_err(|_| Redirect::NoUrl)?;
    if !matches!(to.scheme(), "http" | "https") || to.host_str().is_none() {
        return Err(Redirect::NoUrl);
    }
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Redirect::Downgrade);
    }
    to.set_username("").map_err(|()| Redirect::NoUrl)?;
    to.set_password(None).map_err(|()| Redirect::NoUrl)?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_redirect_loses_user_and_password_and_keeps_tls() {
        let from = url("https://r.example/v2/a");
        let to = redirected(&from, "https://bot:S3CRET@store.example/b?sig=1").unwrap();
        assert_eq!(to.as_str(), "https://store.example/b?sig=1");
        assert_eq!(
            redirected(&from, "/c").unwrap().as_str(),
            "https://r.example/c"
        );
        assert_eq!(
            redirected(&from, "http://store.example/"),
            Err(Redirect::Downgrade)
        );
        assert_eq!(
            redirected(&from, "file:///etc/passwd"),
            Err(Redirect::NoUrl)
        );
    }

    #[test]
    fn knows_link_local_addresses() {
        for local in [
            "http://169.254.169.254/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.1.1]/",
        ] {
            assert!(
                address_of(&url(local)).is_some_and(is_link_local),
                "{local}"
            );
        }
        for other in ["http://10.1.2.3/", "http://[fd00::1]/", "http://127.0.0.1/"] {
            assert!(
                !address_of(&url(other)).is_some_and(is_link_local),
                "{other}"
            );
        }
        assert_eq!(address_of(&url("https://quay.io/")), None);
    }

    #[test]
    fn knows_private_addresses() {
        for private in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "127.0.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "169.254.169.254",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2001:4860:4860::8888",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn names_are_looked_up_as_the_system_does() {
        let names = |scope, proxies: &[&str]| {
            let proxies = proxies.iter().map(|host| (*host).to_owned()).collect();
            Names { scope, proxies }.resolve("localhost".parse().unwrap())
        };
        let found = names(Scope::Any, &[]).await.unwrap();
        assert!(found.into_iter().all(|address| address.ip().is_loopback()));
        assert!(names(Scope::Public, &["proxy.example"]).await.is_err());
        // A proxy of the user's network serves public hosts.
        assert!(names(Scope::Public, &["localhost"]).await.is_ok());
    }
}
