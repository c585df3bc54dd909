//! Derives the stable name of a policy: its location without revision, digest or credentials.

use super::{
    locate::resource_name,
    source::{GitAddress, SourceAddress},
};
use crate::http::Url;

/// Returns the stable name of the policy in `--policy`; `None` for an inline text and for a text
/// that is not a source.
pub(crate) fn policy_uri(text: &str) -> Option<String> {
    let is_inline = text.trim_start().starts_with('{') || text.contains('\n');
    if is_inline || text.is_empty() {
        return None;
    }
    if let Some((namespace, name)) = resource_name(text) {
        let namespace = namespace.map(|namespace| format!("{namespace}/"));
        return Some(format!("k8s://{}{name}", namespace.unwrap_or_default()));
    }
    Some(match SourceAddress::parse(text).ok()? {
        SourceAddress::File(path) => format!("file::{}", path.display()),
        SourceAddress::Git(address) => of_git(&address),
        SourceAddress::Http(url) => plain(&url),
        SourceAddress::Oci(reference) => format!("oci::{}", reference.repository),
    })
}

fn of_git(address: &GitAddress) -> String {
    let url = match Url::parse(&address.url) {
        Ok(url) => plain(&url),
        Err(_) => address.url.clone(),
    };
    let dir = Some(&address.dir).filter(|dir| !dir.is_empty());
    let dir = dir.map(|dir| format!("//{dir}"));
    format!("git::{url}{}", dir.unwrap_or_default())
}

/// Returns the URL without user, password, query and fragment.
fn plain(url: &Url) -> String {
    let mut url = url.clone();
    // The setters fail only for a URL without an authority, which has neither.
    let _ = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_revision_and_no_secret() {
        for (text, uri) in [
            (
                "git::https://git.example/org/repo.git//policies/release?ref=main",
                Some("git::https://git.example/org/repo.git//policies/release"),
            ),
            (
                "git::https://user:s3cret@git.example/org/repo.git?ref=0123456789",
                Some("git::https://git.example/org/repo.git"),
            ),
            (
                "github.com/org/repo//policy",
                Some("git::https://github.com/org/repo.git//policy"),
            ),
            (
                "oci::registry.example/policy:v1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                Some("oci::registry.example/policy"),
            ),
            (
                "https://web.example/policy.yaml?token=s3cret",
                Some("https://web.example/policy.yaml"),
            ),
            ("k8s://team/strict", Some("k8s://team/strict")),
            ("team/strict", Some("k8s://team/strict")),
            ("/policies/release", Some("file::/policies/release")),
            ("{\"sources\": []}", None),
            ("sources:\n- policy: [x]\n", None),
            ("", None),
        ] {
            assert_eq!(policy_uri(text).as_deref(), uri, "{text}");
        }
    }
}
