//! Subjects that concern all commands, for `promote help TOPIC` and the manual pages.

use std::fmt::Write as _;

use clap::Command;

use crate::failure::Kind;

/// The topics, by the word that is typed.
pub(crate) const TOPICS: [&str; 4] = ["options", "variables", "exit-codes", "credentials"];

/// Variables of other programs that are read, and their use.
const FOREIGN: [(&str, &str); 10] = [
    (
        "REGISTRY_AUTH_FILE",
        "registry credentials, after --authfile",
    ),
    (
        "DOCKER_CONFIG",
        "the directory of Docker's config.json, with registry credentials",
    ),
    (
        "HOME, XDG_CONFIG_HOME, XDG_RUNTIME_DIR",
        "directories that are searched for credentials of registries and Git",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "certificate authorities in place of the system's",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
        "proxies, also in lower case; NO_PROXY as Go reads it",
    ),
    ("NO_COLOR", "no colours, unless --color=always"),
    (
        "SOURCE_DATE_EPOCH",
        "the time that is written into files, in seconds; rules are evaluated at the clock's time or --effective-time",
    ),
    (
        "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT",
        "the cluster's API in a pod, for k8s:// keys and policies",
    ),
    (
        "COSIGN_REPOSITORY",
        "under ec and trust: where signatures are stored",
    ),
    (
        "SIGSTORE_*, TUF_*",
        "under ec and trust: the trust root, as cosign reads them",
    ),
];

const CREDENTIALS: &str = "\
Credentials are read from files, never from arguments. The first file that has an entry for the
repository or host is used; -v logs where each was looked for.

Registries
  1. --authfile, a file, or a directory with config.json or .dockerconfigjson (a mounted Secret)
  2. the file that REGISTRY_AUTH_FILE names
  3. config.json in the directory that DOCKER_CONFIG names
  4. ~/.docker/config.json
  5. $XDG_RUNTIME_DIR/containers/auth.json and /run/containers/UID/auth.json (podman, skopeo)
  6. $XDG_CONFIG_HOME/containers/auth.json, else ~/.config/containers/auth.json
  7. /tekton/creds/.docker/config.json
  Within a file, a credential helper comes before the entry with the longest matching path.

Git
  1. --git-credentials-dir, a directory with one of: .git-credentials; username and password;
     git-provider-token or provider.token; ssh-privatekey; the key of a GitHub App
  2. ~/.gitconfig (http.extraHeader, credential stores), ~/.git-credentials,
     $XDG_CONFIG_HOME/git/credentials
  An entry that names no host is sent only to hosts that the command line names. run
  takes other credentials for the GitOps repository by --gitops-credentials-dir.

Keys and policies in a cluster
  k8s://[NAMESPACE/]SECRET and NAMESPACE/POLICY are read with the token of the pod's service account.

promote doctor tries all of them and changes nothing.
";

/// Returns the text of a topic.
pub(super) fn text(topic: &str, command: &Command) -> String {
    match topic {
        "exit-codes" => exit_codes(),
        "variables" => {
            let mut text = String::from(
                "Only global options have a variable; an option on the command line overrides it.\n\n",
            );
            text.push_str(&aligned(&variables(command)));
            text
        }
        "credentials" => CREDENTIALS.to_owned(),
        _ => options(command),
    }
}

/// Returns the exit codes with their meaning, a line each.
pub(crate) fn exit_codes() -> String {
    let done = ("0".to_owned(), "done, or already so".to_owned());
    let kinds = Kind::ALL.into_iter();
    let kinds = kinds.map(|kind| (kind.exit_code().to_string(), kind.meaning().to_owned()));
    let rows: Vec<_> = std::iter::once(done).chain(kinds).collect();
    let mut text = aligned(&rows);
    text.push_str(
        "\nOver several components a refusal (4) wins over a remote that failed (5). Under ec the codes are those of \
         Conforma's ec: 0 and 1.\n",
    );
    text
}

/// Returns every variable that is read, with its use.
pub(crate) fn variables(command: &Command) -> Vec<(String, String)> {
    let own = command.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_string_lossy().into_owned();
        Some((variable, format!("as --{}", argument.get_long()?)))
    });
    let foreign = FOREIGN.iter();
    let foreign = foreign.map(|(name, about)| ((*name).to_owned(), (*about).to_owned()));
    own.chain(foreign).collect()
}

fn options(command: &Command) -> String {
    let mut text = String::from("These options may be written before or after any command.\n\n");
    for argument in command.get_arguments().filter(|a| a.is_global_set()) {
        let short = argument.get_short().map(|short| format!("-{short}"));
        let long = argument.get_long().map(|long| format!("--{long}"));
        let value = argument.get_value_names().unwrap_or_default();
        let value = value.iter().map(|value| format!(" {value}"));
        let has_value = argument.get_action().takes_values() && argument.get_long().is_some();
        let value: String = if has_value {
            value.collect()
        } else {
            String::new()
        };
        let name = [short, long]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ");
        let help = argument.get_help().map(ToString::to_string);
        let _ = writeln!(text, "  {name}{value}\n      {}", help.unwrap_or_default());
        if let Some(variable) = argument.get_env() {
            let _ = writeln!(text, "      Variable: {}", variable.to_string_lossy());
        }
    }
    text
}

fn aligned(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();
    let lines = rows
        .iter()
        .map(|(name, about)| format!("  {name:width$}  {about}\n"));
    lines.collect()
}
