//! The hosts that a command line names (Git logins without
//! a host of their own go to these alone, and registries among them may have private addresses), and
//! the booleans that it switches off.

use std::ffi::OsString;

use clap::{ArgMatches, parser::ValueSource};

use crate::{git, http::HostPort, registry};

/// Flags whose value is the URL of a Git repository.
const REPOSITORIES: [&str; 2] = ["git_url", "gitops_repo_url"];
/// Flags and arguments whose value may be the URL of a policy.
const POLICIES: [&str; 3] = ["policy", "source", "policy_configuration"];

/// Flags and arguments whose value names an image, a repository or a URL.
const PLACES: [&str; 13] = [
    "image",
    "images",
    "src",
    "dst",
    "source",
    "destination",
    "to",
    "map",
    "policy",
    "public_key",
    "rekor_url",
    "mirror",
    "tuf_mirror",
];
/// Flags whose value is a host.
const HOSTS: [&str; 4] = [
    "plain_http",
    "https",
    "insecure_skip_tls_verify",
    "policy_hosts",
];

/// Returns the hosts that flags name.
pub(super) fn named_registries(matches: &ArgMatches) -> Vec<HostPort> {
    let command = innermost(matches);
    let places = PLACES.iter().flat_map(|id| values(command, id));
    let places = places.filter_map(|value| registry::named_host(&value));
    let hosts = HOSTS.iter().flat_map(|id| values(command, id));
    let hosts = hosts.filter_map(|value| value.parse().ok());
    places.chain(hosts).collect()
}

/// Returns the hosts among the arguments of `ec`.
pub(super) fn registries_of_arguments(arguments: &[OsString]) -> Vec<HostPort> {
    let values = values_of_arguments(arguments);
    values.filter_map(registry::named_host).collect()
}

fn innermost(matches: &ArgMatches) -> &ArgMatches {
    let mut command = matches;
    while let Some((_, below)) = command.subcommand() {
        command = below;
    }
    command
}

fn values(command: &ArgMatches, id: &str) -> Vec<String> {
    let raw = command.try_get_raw(id).ok().flatten();
    raw.into_iter()
        .flatten()
        .filter_map(|value| value.to_str().map(str::to_owned))
        .collect()
}

/// Returns the URLs of Git repositories among the values of flags. A URL within a document (a
/// Snapshot, an inline policy) is not one that the user named.
pub(super) fn named_repositories(matches: &ArgMatches) -> Vec<String> {
    let command = innermost(matches);
    let repositories = REPOSITORIES.iter().flat_map(|id| values(command, id));
    let policies = POLICIES.iter().flat_map(|id| values(command, id));
    let policies = policies.filter_map(|value| git::named_url(&value));
    let named = repositories.chain(policies);
    named.filter(|url| !url.is_empty()).collect()
}

/// Returns the URLs of Git repositories among the arguments of `ec`, each with its flag or alone.
pub(super) fn repositories_of_arguments(arguments: &[OsString]) -> Vec<String> {
    let values = values_of_arguments(arguments);
    values.filter_map(git::named_url).collect()
}

fn values_of_arguments(arguments: &[OsString]) -> impl Iterator<Item = &str> {
    let texts = arguments.iter().filter_map(|argument| argument.to_str());
    texts.map(|text| match text.split_once('=') {
        Some((flag, value)) if flag.starts_with('-') => value,
        _ => text,
    })
}

/// Returns the booleans that a command line switches off: a configuration file does not switch them
/// on again.
pub(super) fn switched_off(matches: &ArgMatches) -> Vec<String> {
    let Some((_, command)) = matches.subcommand() else {
        return Vec::new();
    };
    let is_off = |id: &&clap::Id| {
        let given = command.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        given && matches!(command.try_get_one::<bool>(id.as_str()), Ok(Some(false)))
    };
    let ids = command.ids().filter(is_off);
    ids.map(|id| id.as_str().replace('_', "-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_ec_name_hosts_with_and_without_their_flag() {
        let given = [
            "--policy=git::https://a.example/x",
            "-p",
            "https://b.example/y.git",
        ];
        let given: Vec<_> = given.iter().map(OsString::from).collect();
        let found = repositories_of_arguments(&given);
        assert_eq!(found, ["https://a.example/x", "https://b.example/y.git"]);
    }
}
