//! Warns of variables that no flag reads, and of those that tell cosign whom to trust.

use super::arguments::variables;
use crate::{env::Env, text};

/// Warns of variables that are set but not read, and of those that decide whom to trust.
pub(super) fn warn(env: &Env) {
    for name in env.unknown(&variables()) {
        let flag = name.trim_start_matches("PROMOTE_").to_lowercase();
        let (name, flag) = (text::line(&name), flag.replace('_', "-"));
        tracing::warn!(
            "the variable {name} is ignored: only global options are read from variables, so give --{} on the command line or in promote.yaml",
            text::line(&flag)
        );
    }
    let (set, read) = (env.set_of_sigstore(), env.read_of_sigstore());
    if !read.is_empty() {
        tracing::warn!(
            "variables of the environment decide whom to trust: {}",
            text::line(&read.join(", "))
        );
    } else if !set.is_empty() {
        tracing::warn!(
            "ignored variables: {}: only the commands ec, trust and drop-in read them",
            text::line(&set.join(", "))
        );
    }
}

/// Names the variables that a wrong value may come from: the parser only names the flag.
#[expect(
    clippy::print_stderr,
    reason = "the log is not started when arguments are wrong"
)]
pub(super) fn name_sources(env: &Env, error: &clap::Error) {
    let known = variables().into_iter();
    let read: Vec<_> = known.filter(|name| env.get(name).is_some()).collect();
    if error.use_stderr() && !read.is_empty() {
        eprintln!("note: read from the environment: {}", read.join(", "));
    }
}
