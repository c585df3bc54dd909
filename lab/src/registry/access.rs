//! Access rules: basic authentication or bearer tokens with scopes (distribution "token" specification).
//!
//! The token server is the registry itself, under `/token`. Tokens are opaque.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Method, Response, header};
use serde_json::json;

use super::handler::error;
use crate::{
    git::Account,
    server::{Body, response},
};

/// An account and the repositories that it may read and write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub account: Account,
    /// Prefix of the names of its repositories; empty for all.
    pub prefix: String,
}

/// The proof that the registry requires before it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Access {
    #[default]
    Open,
    /// A name and a password with every request.
    Basic(Vec<Grant>),
    /// A token of its token server.
    Token {
        /// The accounts and the scopes of their tokens.
        grants: Vec<Grant>,
        /// Lets a token without a name and password read everything.
        anonymous_pull: bool,
        /// Number of requests after which a token has expired, whatever was announced.
        uses: Option<usize>,
    },
}

/// The tokens that were issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    next: u64,
    live: BTreeMap<String, IssuedToken>,
}

#[derive(Debug)]
struct IssuedToken {
    scopes: Vec<String>,
    uses: Option<usize>,
}

/// A permission as the specification writes it: `repository:acme/web:pull`.
fn scope(name: &str, action: &str) -> String {
    format!("repository:{name}:{action}")
}

/// Returns the permissions that a request needs.
fn needed(method: &Method, name: &str, mount_from: Option<&str>) -> Vec<String> {
    let mut needed = vec![scope(name, "pull")];
    if method != Method::GET && method != Method::HEAD {
        needed.push(scope(name, "push"));
    }
    needed.extend(mount_from.map(|from| scope(from, "pull")));
    needed
}

fn allows(grants: &[Grant], account: &Account, name: &str) -> bool {
    grants
        .iter()
        .any(|grant| grant.account == *account && name.starts_with(&grant.prefix))
}

fn basic(headers: &header::HeaderMap) -> Option<Account> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let pair = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(Account {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

impl Access {
    /// Returns the refusal of a request without sufficient permission.
    pub(super) fn refusal(
        &self,
        tokens: &mut Tokens,
        realm: &str,
        method: &Method,
        name: &str,
        mount_from: Option<&str>,
        headers: &header::HeaderMap,
    ) -> Option<Response<Body>> {
        match self {
            Self::Open => None,
            Self::Basic(grants) => {
                let account = basic(headers);
                let known = account.filter(|a| grants.iter().any(|g| g.account == *a));
                match known {
                    None => Some(challenge("Basic realm=\"lab\"".to_owned())),
                    Some(account) if name.is_empty() || allows(grants, &account, name) => None,
                    Some(_) => Some(error(403, "DENIED", name)),
                }
            }
            Self::Token { .. } => {
                let bearer = format!("Bearer realm=\"{realm}/token\",service=\"lab\"");
                let needed = match name {
                    "" => Vec::new(),
                    name => needed(method, name, mount_from),
                };
                tokens
                    .check(headers, &needed)
                    .map(|problem| challenge(format!("{bearer}{problem}")))
            }
        }
    }

    /// Issues a token with those of the requested permissions that the caller has.
    pub(super) fn token(
        &self,
        tokens: &mut Tokens,
        wanted: &[String],
        headers: &header::HeaderMap,
        form: &BTreeMap<String, String>,
    ) -> Response<Body> {
        let Self::Token {
            grants,
            anonymous_pull,
            uses,
        } = self
        else {
            return error(404, "UNSUPPORTED", "no token server");
        };
        let by_form = || {
            let field = |name: &str| form.get(name).map(String::as_str);
            let known = |grant: &&Grant| match field("grant_type") {
                Some("refresh_token") => {
                    field("refresh_token") == Some(grant.account.password.as_str())
                }
                Some("password") => {
                    field("username") == Some(grant.account.user.as_str())
                        && field("password") == Some(grant.account.password.as_str())
                }
                _ => false,
            };
            grants.iter().find(known).map(|grant| grant.account.clone())
        };
        let offered = headers.contains_key(header::AUTHORIZATION) || !form.is_empty();
        let account = basic(headers).or_else(by_form);
        let known = account.filter(|a| grants.iter().any(|g| g.account == *a));
        if offered && known.is_none() {
            return error(401, "UNAUTHORIZED", "unknown name or password");
        }
        let may = |name: &str, action: &str| match &known {
            Some(account) => allows(grants, account, name),
            None => *anonymous_pull && action == "pull",
        };
        let mut scopes = Vec::new();
        for wanted in wanted.iter().flat_map(|wanted| wanted.split(' ')) {
            let parts = wanted
                .strip_prefix("repository:")
                .and_then(|w| w.rsplit_once(':'));
            let Some((name, actions)) = parts else {
                continue;
            };
            let granted = actions.split(',').filter(|action| may(name, action));
            scopes.extend(granted.map(|action| scope(name, action)));
        }
        let token = tokens.issue(scopes, *uses);
        let body = json!({"token": token, "access_token": token, "expires_in": 300});
        response(
            200,
            &[("content-type", "application/json".to_owned())],
            body.to_string(),
        )
    }
}

impl Tokens {
    fn issue(&mut self, scopes: Vec<String>, uses: Option<usize>) -> String {
        self.next += 1;
        let token = format!("lab-token-{}", self.next);
        self.live
            .insert(token.clone(), IssuedToken { scopes, uses });
        token
    }

    /// Returns the addition to the challenge when the request is refused.
    fn check(&mut self, headers: &header::HeaderMap, needed: &[String]) -> Option<String> {
        let value = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let name = value.and_then(|value| value.strip_prefix("Bearer "));
        let shown = |problem: &str| {
            let scopes = merged(needed);
            match scopes.is_empty() {
                true => Some(problem.to_owned()),
                false => Some(format!(",scope=\"{scopes}\"{problem}")),
            }
        };
        let Some(name) = name else {
            return shown("");
        };
        let Some(token) = self.live.get_mut(name) else {
            return shown(",error=\"invalid_token\"");
        };
        if let Some(uses) = &mut token.uses {
            if *uses == 0 {
                self.live.remove(name);
                return shown(",error=\"invalid_token\"");
            }
            *uses -= 1;
        }
        let lacks = needed.iter().any(|scope| !token.scopes.contains(scope));
        if lacks {
            return shown(",error=\"insufficient_scope\"");
        }
        None
    }
}

/// Merges scopes: `repository:a:pull repository:a:push` becomes `repository:a:pull,push`.
fn merged(scopes: &[String]) -> String {
    let mut by_name: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, action) in scopes.iter().filter_map(|scope| scope.rsplit_once(':')) {
        match by_name.iter_mut().find(|(known, _)| *known == name) {
            Some((_, actions)) => actions.push(action),
            None => by_name.push((name, vec![action])),
        }
    }
    let scopes = by_name
        .iter()
        .map(|(name, actions)| format!("{name}:{}", actions.join(",")));
    scopes.collect::<Vec<_>>().join(" ")
}

fn challenge(value: String) -> Response<Body> {
    let body = json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]});
    response(
        401,
        &[
            ("www-authenticate", value),
            ("content-type", "application/json".to_owned()),
        ],
        body.to_string(),
    )
}
