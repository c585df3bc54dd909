//! Challenges of registries (RFC 9110 §11.6.1): how a request must be authenticated, and where.

use std::collections::BTreeMap;

use super::Error;
use crate::http::{Url, address_of, authority, header, redacted_url};

/// The authentication scheme that a registry requires.
#[derive(Debug, Clone)]
pub(super) enum Challenge {
    Basic,
    /// With a token of the server `realm`.
    Bearer {
        realm: Url,
        service: String,
    },
}

/// Returns the strongest challenge that can be answered, with the scope that it names. One header
/// may hold several.
///
/// # Errors
/// [`Error::Protocol`] when none can be answered because a bearer challenge is wrong.
pub(super) fn parse(
    url: &Url,
    headers: &header::HeaderMap,
) -> Result<Option<(Challenge, String)>, Error> {
    let (mut basic, mut wrong) = (None, None);
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    for (scheme, parameters) in texts.flat_map(challenges) {
        if scheme.eq_ignore_ascii_case("bearer") {
            match bearer(url, &parameters) {
                Ok(found) => return Ok(Some(found)),
                Err(reason) => wrong = wrong.or(Some(reason)),
            }
        }
        if scheme.eq_ignore_ascii_case("basic") {
            basic = Some((Challenge::Basic, String::new()));
        }
    }
    match (basic, wrong) {
        (None, Some(reason)) => Err(Error::Protocol {
            url: redacted_url(url),
            reason,
        }),
        (basic, _) => Ok(basic),
    }
}

/// A bearer challenge with its scope.
///
/// # Errors
/// The reason why it cannot be answered.
fn bearer(
    url: &Url,
    parameters: &BTreeMap<String, String>,
) -> Result<(Challenge, String), &'static str> {
    let get = |name: &str| parameters.get(name).cloned().unwrap_or_default();
    let no_realm = "its bearer challenge names no realm";
    let mut realm = Url::parse(&get("realm")).map_err(|_| no_realm)?;
    // A user in the realm would become a header of the request.
    let plain = realm
        .set_username("")
        .and_then(|()| realm.set_password(None));
    plain.map_err(|()| "its bearer challenge names no realm of the web")?;
    // A password must not leave TLS because a registry says so.
    if realm.scheme() != "https" && url.scheme() == "https" {
        return Err("its token server is on plain HTTP");
    }
    let service = get("service");
    Ok((Challenge::Bearer { realm, service }, get("scope")))
}

/// The challenges of one header, each with its parameters. A word before a blank that no `=`
/// follows begins a challenge; a comma within quotes separates nothing.
fn challenges(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',', '=']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        match behind.trim_start().strip_prefix('=') {
            Some(value) => {
                let value = value.trim_start();
                let (value, behind) = match value.strip_prefix('"') {
                    Some(quoted) => unquoted(quoted),
                    None => {
                        let end = value.find([',', ' ']).unwrap_or(value.len());
                        let (value, behind) = value.split_at(end);
                        (value.to_owned(), behind)
                    }
                };
                if let Some((_, parameters)) = found.last_mut() {
                    let value = value.trim().to_owned();
                    parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                }
                rest = behind;
            }
            None => {
                found.push((word.to_owned(), BTreeMap::new()));
                rest = behind;
            }
        }
        rest = rest.trim_start_matches([' ', ',']);
    }
    found
}

/// The text of a quoted string after its first quote, and the rest of the header behind it. A
/// backslash takes the meaning of the next character (RFC 9110 §5.6.4).
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// Tells whether two URLs have one domain: the same address and port, or names with the same last
/// two labels (three below a short one such as `co.uk`).
pub(super) fn same_domain(one: &Url, other: &Url) -> bool {
    if address_of(one).is_some() || address_of(other).is_some() {
        return authority(one) == authority(other);
    }
    let domain = |url: &Url| {
        let labels: Vec<_> = url
            .host_str()
            .unwrap_or_default()
            .split('.')
            .rev()
            .collect();
        let short = labels.get(1).is_some_and(|label| label.len() <= 3);
        let most = if short && labels.len() > 2 { 3 } else { 2 };
        labels
            .into_iter()
            .take(most)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    one.host_str() == other.host_str() || domain(one) == domain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenged(url: &str, values: &[&str]) -> Result<Option<(Challenge, String)>, Error> {
        let mut headers = header::HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        parse(&Url::parse(url).unwrap(), &headers)
    }

    #[test]
    fn reads_a_bearer_challenge_with_commas_in_quotes() {
        let value = r#"Bearer realm="https://t.example/token",service="s",scope="repository:a/b:pull,push""#;
        let Ok(Some((Challenge::Bearer { realm, service }, scope))) =
            challenged("https://r.example", &["Basic realm=x", value])
        else {
            panic!("no bearer challenge");
        };
        assert_eq!(realm.as_str(), "https://t.example/token");
        assert_eq!(
            (service.as_str(), scope.as_str()),
            ("s", "repository:a/b:pull,push")
        );
    }

    #[test]
    fn refuses_a_token_server_on_plain_http_behind_tls() {
        let value = r#"Bearer realm="http://t.example/token",service="s""#;
        assert!(matches!(
            challenged("https://r.example", &[value]),
            Err(Error::Protocol { .. })
        ));
        assert!(matches!(
            challenged("http://r.example", &[value]),
            Ok(Some(_))
        ));
    }

    #[test]
    fn knows_basic_and_ignores_other_schemes() {
        let basic = challenged("https://r.example", &["Negotiate", "Basic realm=\"x\""]);
        assert!(matches!(basic, Ok(Some((Challenge::Basic, _)))));
        assert!(matches!(
            challenged("https://r.example", &["Negotiate"]),
            Ok(None)
        ));
    }

    #[test]
    fn reads_several_challenges_of_one_header() {
        let value = r#"Basic realm="a, b", Bearer realm="https://t.example/token", service=s"#;
        let found = challenged("https://r.example", &[value]);
        assert!(
            matches!(found, Ok(Some((Challenge::Bearer { ref service, .. }, _))) if service == "s"),
            "{found:?}"
        );
        let realm = r#"Bearer realm="https://u:p@t.example/token""#;
        let found = challenged("https://r.example", &[realm]);
        assert!(
            matches!(found, Ok(Some((Challenge::Bearer { ref realm, .. }, _))) if realm.username().is_empty()),
            "{found:?}"
        );
    }

    #[test]
    fn knows_which_token_servers_are_of_the_registrys_domain() {
        let same = |one: &str, other: &str| {
            let url = |text: &str| Url::parse(&format!("https://{text}/")).unwrap();
            same_domain(&url(one), &url(other))
        };
        assert!(same("registry-1.docker.io", "auth.docker.io"));
        assert!(same("ghcr.io", "ghcr.io"));
        assert!(same("r.corp.example", "sso.corp.example"));
        assert!(!same("r.evil.co.uk", "bank.co.uk"));
        assert!(!same("quay.io", "evil.example"));
        assert!(!same("127.0.0.1:5000", "127.0.0.1:5001"));
    }
}
