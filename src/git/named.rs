//! Finds the host of a Git URL on the command line.

/// Returns the URL that an address of a repository or policy source names; `None` for a path, a
/// document or a resource.
pub(crate) fn named_url(text: &str) -> Option<String> {
    let text = text.strip_prefix("git::").unwrap_or(text);
    if text.starts_with("https://") || text.starts_with("http://") {
        return Some(text.to_owned());
    }
    let host = text.split('/').next().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
    let is_host = host.contains('.') && !host.starts_with('.') && host.bytes().all(plain);
    (is_host && text.len() > host.len()).then(|| format!("https://{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_names_a_host() {
        let https = |text: &str| named_url(text).filter(|url| url.starts_with("https://"));
        assert!(https("git::https://git.example/acme/policy.git//release?ref=v1").is_some());
        assert!(https("github.com/acme/policy//release").is_some());
        for text in [
            r#"{"sources": [{"policy": ["git::https://evil.example/p.git"]}]}"#,
            "sources:\n- policy: [https://evil.example/p.git]",
            "./policies/release",
            "team/strict",
            "policy.yaml",
        ] {
            assert_eq!(named_url(text), None, "{text}");
        }
    }
}
