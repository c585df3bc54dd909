//! Reads git's credential store: one URL per line (`git-credential-store`).

use std::path::Path;

use url::Url;

use super::{CredentialsError, Login, read as read_file};

/// Reads a store; `None` when it does not exist. As in git, a malformed line is
/// ignored.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Login>>, CredentialsError> {
    let Some(text) = read_file(path)? else {
        return Ok(None);
    };
    let mut logins = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        match login(line, path) {
            Some(login) => logins.push(login),
            None if line.is_empty() || line.starts_with('#') => {}
            None => tracing::warn!(
                "line {} of {} is ignored, expected a URL with user and password",
                at + 1,
                path.display()
            ),
        }
    }
    Ok(Some(logins))
}

/// Parses a line: the user or the password may be empty, but both must be present.
fn login(line: &str, path: &Path) -> Option<Login> {
    let mut scope = Url::parse(line).ok()?;
    let user = unescaped(scope.username());
    // The parser reads `user:@host` as a URL without a password.
    let password = match scope.password() {
        Some(password) => unescaped(password),
        None => has_empty_password(line).then(String::new)?,
    };
    scope.host_str()?;
    scope.set_username("").ok()?;
    scope.set_password(None).ok()?;
    Some(Login {
        user: Some(user),
        password,
        origin: path.to_owned(),
        scope: Some(scope),
    })
}

fn has_empty_password(line: &str) -> bool {
    let authority = line.split_once("://").map(|(_, rest)| rest);
    let authority = authority.and_then(|rest| rest.split(['/', '?', '#']).next());
    let account = authority.and_then(|text| text.rsplit_once('@'));
    account.is_some_and(|(account, _)| account.ends_with(':'))
}

/// Decodes percent-encoded bytes; invalid UTF-8 is replaced.
pub(in crate::git) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits
            .filter(|_| first == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
