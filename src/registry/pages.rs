//! The next page of a list (RFC 8288, distribution specification "Listing Tags").
//!
//! A list that goes on where it cannot be read is an error: without it the list would be cut short.

use super::Error;
use crate::http::{Url, header, redacted_url};

/// Returns the URL of the next page. Proxies that end TLS let registries name another scheme or
/// port: the path is read from where the page came.
///
/// # Errors
/// [`Error::Protocol`] for a next page on another host, or one that is not a URL.
pub(super) fn next_page(url: &Url, headers: &header::HeaderMap) -> Result<Option<Url>, Error> {
    let wrong = |reason| Error::Protocol {
        url: redacted_url(url),
        reason,
    };
    for value in headers.get_all(header::LINK) {
        let text = value
            .to_str()
            .map_err(|_| wrong("its header Link cannot be read"))?;
        let is_cut = text.contains('<') && !text.contains('>');
        if is_cut && text.to_ascii_lowercase().contains("next") {
            return Err(wrong("its link to the next page is cut"));
        }
        for (target, parameters) in links(text) {
            if !is_next(parameters) {
                continue;
            }
            let named = url
                .join(target)
                .map_err(|_| wrong("its next page is not a URL"))?;
            if named.host_str() != url.host_str() {
                return Err(wrong("its list goes on at another host"));
            }
            let mut next = url.clone();
            next.set_path(named.path());
            next.set_query(named.query());
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// Returns the targets of a header `Link` with their parameters. A comma may be within a target or a quoted
/// parameter.
fn links(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((target, behind)) = rest
        .split_once('<')
        .and_then(|(_, begun)| begun.split_once('>'))
    {
        let mut is_quoted = false;
        let end = behind.find(|c: char| {
            is_quoted ^= c == '"';
            c == ',' && !is_quoted
        });
        let (parameters, next) = behind.split_at(end.unwrap_or(behind.len()));
        found.push((target, parameters));
        rest = next;
    }
    found
}

/// Tells whether the parameters of a link have the relation `next`.
fn is_next(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else {
            return false;
        };
        let value = value.trim().trim_matches(['"', '\'']);
        let mut relations = value.split_ascii_whitespace();
        name.trim().eq_ignore_ascii_case("rel")
            && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Result<Option<String>, Error> {
        let url = Url::parse("https://r.example/v2/a/tags/list").unwrap();
        let mut headers = header::HeaderMap::new();
        headers.insert(header::LINK, link.parse().unwrap());
        Ok(next_page(&url, &headers)?.map(|url| url.to_string()))
    }

    #[test]
    fn finds_the_next_page_however_it_is_written() {
        let page = Some("https://r.example/v2/a/tags/list?n=2&last=b".to_owned());
        for link in [
            "</v2/a/tags/list?n=2&last=b>; rel=\"next\"",
            "<https://r.example/v2/a/tags/list?n=2&last=b>;rel=next",
            "<http://r.example:80/v2/a/tags/list?n=2&last=b>; rel=\"next\"",
            "</x>; rel=\"prev\"; title=\"a, b\", </v2/a/tags/list?n=2&last=b>; REL=\"last next\"",
        ] {
            assert_eq!(next(link).unwrap(), page, "{link}");
        }
        let comma = next("</v2/a/tags/list?last=a,b>; rel=\"next\"").unwrap();
        assert_eq!(
            comma.as_deref(),
            Some("https://r.example/v2/a/tags/list?last=a,b")
        );
    }

    #[test]
    fn a_list_that_goes_on_elsewhere_is_an_error_and_not_the_last_page() {
        assert!(next("<https://evil.example/x>; rel=\"next\"").is_err());
        assert!(next("<https://[x/>; rel=\"next\"").is_err());
        assert!(next("</v2/a/tags/list?n=2; rel=\"next\"").is_err());
        for last in [
            "</v2/a/tags/list>; rel=\"prev\"",
            "</x>; rel=\"nextcloud\"",
            "x",
        ] {
            assert_eq!(next(last).unwrap(), None, "{last}");
        }
    }
}
