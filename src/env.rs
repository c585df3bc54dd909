//! The environment at the start of the program. No other module reads it.
//!
//! It contains paths and credentials. Variables of cosign and Sigstore (`SIGSTORE_*`, `TUF_*`,
//! `COSIGN_*`) decide whom to trust, so only the commands that imitate cosign and `ec` read them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The prefixes of variables that change the trusted keys and identities.
const OF_SIGSTORE: [&str; 3] = ["SIGSTORE_", "TUF_", "COSIGN_"];
/// The prefix of this program's own variables.
const OWN: &str = "PROMOTE_";

/// The environment variables whose name and value are UTF-8.
#[derive(Debug, Clone, Default)]
pub(crate) struct Env {
    variables: BTreeMap<String, String>,
    /// Set when the command reads variables of Sigstore.
    reads_sigstore: bool,
    /// The kubeconfig from the command line.
    kubeconfig: Option<PathBuf>,
}

impl Env {
    /// Reads the variables of the process.
    pub(crate) fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        let pairs =
            std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Self {
            variables: pairs.collect(),
            ..Self::default()
        }
    }

    /// Returns the variable's value; an empty one is treated as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable of Sigstore, if the command reads these.
    pub(crate) fn of_sigstore(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|_| self.reads_sigstore)
    }

    /// Lets the command read the variables of Sigstore.
    pub(crate) fn read_sigstore(&mut self) {
        self.reads_sigstore = true;
    }

    /// Returns the kubeconfig from the command line.
    pub(crate) fn kubeconfig(&self) -> Option<&Path> {
        self.kubeconfig.as_deref()
    }

    /// Stores the kubeconfig from the command line.
    pub(crate) fn set_kubeconfig(&mut self, file: PathBuf) {
        self.kubeconfig = Some(file);
    }

    /// Lists the variables of Sigstore that are set and read, for the warning and the output.
    pub(crate) fn read_of_sigstore(&self) -> Vec<String> {
        if self.reads_sigstore {
            self.set_of_sigstore()
        } else {
            Vec::new()
        }
    }

    /// Lists the variables of Sigstore that are set.
    pub(crate) fn set_of_sigstore(&self) -> Vec<String> {
        let of_sigstore = |name: &&String| OF_SIGSTORE.iter().any(|own| name.starts_with(own));
        let names = self.variables.keys().filter(of_sigstore);
        names
            .filter(|name| self.get(name).is_some())
            .cloned()
            .collect()
    }

    /// Lists the set variables with this program's prefix that are not among the known ones. Variables that
    /// Kubernetes adds for a Service named `promote…` are left out.
    pub(crate) fn unknown(&self, known: &[String]) -> Vec<String> {
        let of_service = |name: &str| name.contains("_PORT") || name.contains("_SERVICE_");
        let names = self.variables.keys();
        names
            .filter(|name| name.starts_with(OWN) && !known.contains(name) && !of_service(name))
            .cloned()
            .collect()
    }

    /// Returns the user's home directory (`HOME`).
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Env {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            variables: pairs.into(),
            reads_sigstore: true,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_sigstore_are_read_by_some_commands_only() {
        let mut env = Env::from([("COSIGN_REPOSITORY", "r.example/a"), ("TUF_ROOT", "")]);
        env.reads_sigstore = false;
        assert_eq!(env.of_sigstore("COSIGN_REPOSITORY"), None);
        assert!(env.read_of_sigstore().is_empty());
        assert_eq!(env.set_of_sigstore(), ["COSIGN_REPOSITORY"]);
        env.read_sigstore();
        assert_eq!(env.of_sigstore("COSIGN_REPOSITORY"), Some("r.example/a"));
        assert_eq!(env.read_of_sigstore(), ["COSIGN_REPOSITORY"]);
    }

    #[test]
    fn variables_of_a_service_are_not_reported() {
        let env = Env::from([
            ("PROMOTE_TAG", "v1"),
            ("PROMOTE_LOG_LEVEL", "debug"),
            ("PROMOTE_REPORT_DIGEST", "x"),
            ("PROMOTE_SERVICE_HOST", "10.0.0.1"),
            ("PROMOTE_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("PROMOTE_WEB_SERVICE_PORT_HTTP", "80"),
        ]);
        let unknown = env.unknown(&["PROMOTE_LOG_LEVEL".to_owned()]);
        assert_eq!(unknown, ["PROMOTE_REPORT_DIGEST", "PROMOTE_TAG"]);
    }
}
