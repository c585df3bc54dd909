//! Subjects that concern all commands, for `promote help TOPIC` and the manual pages.

use std::fmt::Write as _;

use clap::Command;

use crate::failure::Kind;

/// The topics, by the word that is typed.
pub(crate) const TOPICS: [&str; 4] = ["options", "variables", "exit-codes", "credentials"];

/// The width of a terminal that shows each line as it is.
const COLUMNS: usize = 80;
/// The longest name that has its text on the same line.
const MAX_NAME: usize = 28;

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
        "certificate authorities instead of the system's",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
        "proxies, also in lower case; NO_PROXY as Go reads it",
    ),
    ("NO_COLOR", "no colours, unless --color=always"),
    (
        "SOURCE_DATE_EPOCH",
        "the time to write into files, in seconds since 1970; rules are still evaluated at the current time or --effective-time",
    ),
    (
        "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT",
        "the cluster's API in a pod, for k8s:// keys and policies",
    ),
    (
        "COSIGN_REPOSITORY",
        "under ec, trust and drop-in: where signatures are stored",
    ),
    (
        "SIGSTORE_*, TUF_*",
        "under ec, trust and drop-in: the trusted root, as cosign reads them",
    ),
];

const CREDENTIALS: &str = "\
Credentials are read from files, never from arguments. The first file with an entry
for the repository or host is used; -v logs which files were tried.

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
  An entry without a host is sent only to hosts on the command line. The option
  --gitops-credentials-dir of run names other credentials for the GitOps repository.

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
                "Only global options have a variable. An option on the command line overrides it.\n\n",
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
    let done = ("0".to_owned(), "done, or already done".to_owned());
    let kinds = Kind::ALL.into_iter();
    let kinds = kinds.map(|kind| (kind.exit_code().to_string(), kind.meaning().to_owned()));
    let rows: Vec<_> = std::iter::once(done).chain(kinds).collect();
    let mut text = aligned(&rows);
    text.push_str(
        "\nIf some components are refused (4) and a remote fails for others (5), the code\nis 4. \
         After Ctrl-C or SIGTERM it is 130.\nUnder ec the codes are those of Conforma's ec: 0 and 1.\n",
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
        let mut help = help.unwrap_or_default();
        help.push_str(&choices(argument));
        let _ = writeln!(text, "  {name}{value}\n      {}", wrapped(&help, 6));
        if let Some(variable) = argument.get_env() {
            let _ = writeln!(text, "      Variable: {}", variable.to_string_lossy());
        }
    }
    text
}

/// Returns the default and the possible values of an option, as its help shows them.
fn choices(argument: &clap::Arg) -> String {
    let mut text = String::new();
    if !argument.get_action().takes_values() || argument.get_long().is_none() {
        return text;
    }
    let default = argument.get_default_values().first();
    if let Some(default) = default {
        let _ = write!(text, " [default: {}]", default.to_string_lossy());
    }
    let values = argument.get_possible_values();
    let values: Vec<_> = values.iter().map(|value| value.get_name()).collect();
    if !values.is_empty() {
        let _ = write!(text, " [possible values: {}]", values.join(", "));
    }
    text
}

fn aligned(rows: &[(String, String)]) -> String {
    // A longer name has its text on the next line.
    let names = rows.iter().map(|(name, _)| name.len());
    let width = names.filter(|width| *width <= MAX_NAME).max();
    let width = width.unwrap_or_default();
    let indent = width + 4;
    let lines = rows.iter().map(|(name, about)| {
        let about = wrapped(about, indent);
        match name.len() > width {
            true => format!("  {name}\n{:indent$}{about}\n", ""),
            false => format!("  {name:width$}  {about}\n"),
        }
    });
    lines.collect()
}

/// Breaks a text at [`COLUMNS`]; all lines but the first are indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > COLUMNS {
            let _ = write!(wrapped, "\n{:indent$}", "");
            column = indent;
        } else if column > indent {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

#[cfg(test)]
mod tests;
