//! Locates the configuration named by `--policy`: inline text, a file, a directory, a repository,
//! a document, or a resource of the cluster.

use std::path::Path;

use tokio::io::AsyncReadExt as _;

use super::{
    Dialect,
    config::{self, FILES, PolicySpec},
    local::{LocalReach, Paths},
    source::{self, Fetched, Fetcher, SourceAddress},
};
use crate::{
    env::Env,
    kube::{self, Kube},
};

/// The largest file with a configuration or rule data, in bytes.
const MAX_FILE: u64 = 16 << 20;
const RESOURCE: [&str; 3] = ["apis", "appstudio.redhat.com", "v1alpha1"];
const KIND: &str = "EnterpriseContractPolicy";

/// A configuration that cannot be located or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The text is not a configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The source contains neither a configuration nor policies.
    #[error("no suitable config file found at {origin}: expected policy.yaml or .rego files")]
    Nothing { origin: String },
    /// Rule data is the path of a file, which only `ec` reads.
    #[error(
        "the rule data {text:?} is a local path, which only ec reads: pass the content itself, or list the file as a data source of the policy"
    )]
    LocalRuleData { text: String },
    /// No such path exists, and no cluster is configured.
    #[error("policy {name:?} is not an existing file or directory{}, and no cluster is configured, by a pod or a kubeconfig, that may have it as a resource", similar.as_ref().map(|path| format!(" (did you mean {path}?)")).unwrap_or_default())]
    Absent {
        name: String,
        similar: Option<String>,
    },
    /// The cluster did not return the resource.
    #[error("policy {name:?} is not a file, and as a resource of the cluster: {source}")]
    Cluster { name: String, source: kube::Error },
}

/// Locates and parses the configuration.
///
/// A directory or repository without a configuration file becomes the only source.
///
/// # Errors
/// Any [`Error`].
pub(crate) async fn locate(text: &str, fetcher: &Fetcher, env: &Env) -> Result<PolicySpec, Error> {
    if let Some(document) = inline(text)? {
        return Ok(PolicySpec::from_document(document, "--policy")?);
    }
    if let Some((namespace, name)) = resource_name(text) {
        let certain = text.starts_with("k8s://");
        let cluster = |source| match source {
            kube::Error::NoCluster { .. } if !certain => Error::Absent {
                name: text.to_owned(),
                similar: similar(Path::new(text)),
            },
            source => Error::Cluster {
                name: text.to_owned(),
                source,
            },
        };
        let kube = Kube::open(env).map_err(cluster)?;
        let found = resource(&kube, namespace, name).await.map_err(cluster)?;
        return Ok(PolicySpec::parse(&found, text)?);
    }
    if object_name(text).is_some() {
        tracing::warn!(
            "the policy {text} is read from the path of that name here: write k8s://{text} for the resource of the cluster, or ./{text} for the path"
        );
    }
    let path = text.strip_prefix("file::").unwrap_or(text);
    let path = path
        .strip_prefix("file:")
        .map_or(path, |path| path.trim_start_matches("//"));
    let file = Path::new(path);
    let is_rules = file.extension().is_some_and(|kind| kind == "rego");
    if file.is_file() && !is_rules {
        return read(file).await;
    }
    let fetched = fetcher.fetch(text).await?;
    let found = FILES.iter().find_map(|name| fetched.file(name));
    // A document from a web server has the name of its URL.
    let only = fetched
        .files
        .first()
        .filter(|_| matches!(SourceAddress::parse(text), Ok(SourceAddress::Http(_))));
    match found.or(only) {
        Some(file) => {
            let origin = format!("{} in {}", file.path, fetched.pinned);
            let mut spec = PolicySpec::parse(&file.text, &origin)?;
            if let Ok(SourceAddress::File(dir)) = SourceAddress::parse(text) {
                spec.local = LocalReach::Below(dir);
            }
            Ok(spec)
        }
        None => of_policies(text, &fetched),
    }
}

/// Returns the value of rule data: the content of a document at a URL, else the text itself. Conforma's
/// `ec` fetches every text that could be the address of a document or a repository.
///
/// # Errors
/// Any [`Error`] but those of the cluster.
pub(crate) async fn rule_data_text(
    text: &str,
    fetcher: &Fetcher,
    dialect: Dialect,
    paths: Paths,
) -> Result<String, Error> {
    let is_document = [".json", ".yaml", ".yml"]
        .iter()
        .any(|end| text.ends_with(end));
    let is_file = is_document && Path::new(text).is_file();
    match paths {
        Paths::Any if is_file => {
            tracing::warn!("ec reads the file {text} as rule data, verify-ec refuses it");
            return contents(Path::new(text)).await;
        }
        Paths::Own if is_file || is_local_repository(text) => {
            return Err(Error::LocalRuleData {
                text: text.to_owned(),
            });
        }
        Paths::Any | Paths::Own => {}
    }
    let address = || SourceAddress::parse(text);
    let is_remote = match dialect {
        _ if text.starts_with("git::") => true,
        Dialect::Promote => text.starts_with("https://") && is_document,
        Dialect::Conforma => matches!(
            address(),
            Ok(SourceAddress::Git(_) | SourceAddress::Http(_))
        ),
    };
    if !is_remote {
        return Ok(text.to_owned());
    }
    let fetched = fetcher.fetch(text).await?;
    let found = FILES.iter().find_map(|name| fetched.file(name));
    let only = || {
        let named = is_document || matches!(address(), Ok(SourceAddress::Http(_)));
        fetched.files.first().filter(|_| named)
    };
    match found.or_else(only) {
        Some(file) => Ok(file.text.clone()),
        None => Err(Error::Nothing {
            origin: fetched.pinned.clone(),
        }),
    }
}

fn is_local_repository(text: &str) -> bool {
    let address = text
        .starts_with("git::")
        .then(|| SourceAddress::parse(text));
    matches!(address, Some(Ok(SourceAddress::Git(git)))
        if git.url.starts_with("file://") || !git.url.contains("://"))
}

/// Returns namespace and name of `k8s://[NAMESPACE/]NAME`, or of `[NAMESPACE/]NAME` when no file has that path.
pub(super) fn resource_name(text: &str) -> Option<(Option<&str>, &str)> {
    match text.strip_prefix("k8s://") {
        Some(certain) => Some(split_name(certain)),
        None => object_name(text).filter(|_| !Path::new(text).exists()),
    }
}

fn split_name(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, text),
    }
}

/// Returns namespace and name when both have the form of a Kubernetes object's.
fn object_name(text: &str) -> Option<(Option<&str>, &str)> {
    let is_name = |name: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !name.is_empty() && name.bytes().all(allowed) && !name.starts_with('-')
    };
    let (namespace, name) = split_name(text);
    (is_name(name) && namespace.is_none_or(is_name)).then_some((namespace, name))
}

async fn resource(kube: &Kube, namespace: Option<&str>, name: &str) -> Result<String, kube::Error> {
    let namespace = namespace.unwrap_or(kube.namespace());
    let object = kube
        .object(
            &RESOURCE,
            "enterprisecontractpolicies",
            KIND,
            namespace,
            name,
        )
        .await?;
    Ok(serde_json::Value::Object(object).to_string())
}

fn of_policies(text: &str, fetched: &Fetched) -> Result<PolicySpec, Error> {
    if fetched.files.iter().any(|file| file.is_policy()) {
        return Ok(PolicySpec::of_policy(text.to_owned()));
    }
    Err(Error::Nothing {
        origin: fetched.pinned.clone(),
    })
}

async fn read(file: &Path) -> Result<PolicySpec, Error> {
    let mut spec = PolicySpec::parse(&contents(file).await?, &file.display().to_string())?;
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    spec.local = LocalReach::Below(dir.unwrap_or(Path::new(".")).to_owned());
    Ok(spec)
}

/// Reads a file that the user named, which may be a pipe.
async fn contents(file: &Path) -> Result<String, Error> {
    let origin = file.display().to_string();
    let mut text = String::new();
    let read = async {
        let file = tokio::fs::File::open(file).await?;
        file.take(MAX_FILE + 1).read_to_string(&mut text).await
    };
    let failed = |source| source::Error::File {
        origin: origin.clone(),
        path: origin.clone(),
        source,
    };
    let size = read.await.map_err(failed)?;
    match size as u64 > MAX_FILE {
        true => Err(failed(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("it is larger than {MAX_FILE} bytes"),
        ))
        .into()),
        false => Ok(text),
    }
}

/// Returns an existing path in the same directory with a similar name.
fn similar(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let entries = std::fs::read_dir(dir.unwrap_or(Path::new("."))).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let near = names.filter(|other| {
        let ratio = similar::TextDiff::from_chars(name, other.as_str()).ratio();
        ratio > 0.7
    });
    let found = near.min()?;
    Some(path.with_file_name(found).display().to_string())
}

/// Parses a text with members as a configuration; `None` for a path, URL or name.
fn inline(text: &str) -> Result<Option<serde_json::Value>, config::Error> {
    if text.trim_start().starts_with('{') {
        return config::document(text, "--policy").map(Some);
    }
    if !text.contains(": ") && !text.contains(":\n") {
        return Ok(None);
    }
    config::document(text, "--policy")
        .map(|document| Some(document).filter(serde_json::Value::is_object))
}

#[cfg(test)]
mod tests {
    use lab::{sigstore::Web, tls::Tls};

    use super::*;
    use crate::http;

    const SPEC: &str = r#"{"kind": "EnterpriseContractPolicy", "spec": {"description": "ours", "sources": [{"policy": ["oci::registry.example/policy"]}]}}"#;

    /// A cluster with one configuration, and what is mounted into a pod of the namespace `team`.
    struct Pod {
        web: Web,
        account: tempfile::TempDir,
    }

    impl Pod {
        fn new() -> Self {
            let tls = Tls::private_authority().unwrap();
            let web = Web::start_with_tls(&tls).unwrap();
            web.demand("t0ken");
            let path = "apis/appstudio.redhat.com/v1alpha1/namespaces/team/enterprisecontractpolicies/strict";
            web.serve_files([(path.to_owned(), SPEC.as_bytes().to_vec())].into());
            let account = tempfile::tempdir().unwrap();
            for (name, text) in [
                ("token", "t0ken\n"),
                ("namespace", "team"),
                ("ca.crt", &tls.trusted_pem),
            ] {
                std::fs::write(account.path().join(name), text).unwrap();
            }
            Self { web, account }
        }

        async fn ask(&self, text: &str) -> Result<PolicySpec, String> {
            let url = self.web.url();
            let port = url.rsplit(':').next().unwrap();
            let env = Env::from([
                ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
                ("KUBERNETES_SERVICE_PORT", port),
            ]);
            let kube =
                Kube::of_pod(&env, self.account.path()).map_err(|error| error.to_string())?;
            let (namespace, name) = resource_name(text).ok_or("no name of a resource")?;
            let found = resource(&kube, namespace, name).await;
            let found = found.map_err(|error| error.to_string())?;
            PolicySpec::parse(&found, text).map_err(|error| error.to_string())
        }
    }

    #[tokio::test]
    async fn reads_a_configuration_from_the_cluster_as_the_pod_may() {
        let pod = Pod::new();
        for name in ["strict", "team/strict"] {
            let spec = pod.ask(name).await.unwrap();
            let policies: Vec<_> = spec
                .sources
                .iter()
                .flat_map(|group| &group.policy)
                .collect();
            assert_eq!(policies, ["oci::registry.example/policy"]);
        }
        let of = |namespace: &str| format!("EnterpriseContractPolicy {namespace}/lax");
        let missing = pod.ask("lax").await.unwrap_err();
        assert_eq!(missing, format!("{} not found in the cluster", of("team")));
        let missing = pod.ask("other/lax").await.unwrap_err();
        assert_eq!(missing, format!("{} not found in the cluster", of("other")));
        pod.web.demand("another");
        let denied = pod.ask("lax").await.unwrap_err();
        assert_eq!(
            denied,
            format!("the service account may not read {}", of("team"))
        );
        pod.web.break_down();
        let broken = pod.ask("strict").await.unwrap_err();
        assert!(broken.contains("500"), "{broken}");
    }

    #[tokio::test]
    async fn trusts_only_the_authority_that_is_mounted_with_the_token() {
        let pod = Pod::new();
        let other = Tls::private_authority().unwrap();
        std::fs::write(pod.account.path().join("ca.crt"), other.trusted_pem).unwrap();
        let refused = pod.ask("strict").await.unwrap_err();
        assert!(refused.contains("certificate"), "{refused}");
        assert!(pod.web.requests().is_empty());
        std::fs::remove_file(pod.account.path().join("token")).unwrap();
        let unmounted = pod.ask("strict").await.unwrap_err();
        assert!(unmounted.contains("token"), "{unmounted}");
    }

    #[tokio::test]
    async fn upstream_fetches_rule_data_from_any_address() {
        let tls = Tls::private_authority().unwrap();
        let web = Web::start_with_tls(&tls).unwrap();
        let files = ["builders", "builders.yaml"].map(|name| (name.to_owned(), b"ours".to_vec()));
        web.serve_files(files.into());
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, &tls.trusted_pem).unwrap();
        let options = http::HttpOptions {
            ca_files: vec![ca],
            ..http::HttpOptions::default()
        };
        let fetcher = &crate::policy::tests::fetcher_with(options);
        let url = format!("{}/builders", web.url());
        let document = format!("{url}.yaml");
        for (text, dialect, expected) in [
            (&url, Dialect::Promote, url.as_str()),
            (&url, Dialect::Conforma, "ours"),
            (&document, Dialect::Promote, "ours"),
            (&document, Dialect::Conforma, "ours"),
            (&"builders".to_owned(), Dialect::Conforma, "builders"),
        ] {
            let found = rule_data_text(text, fetcher, dialect, Paths::Own)
                .await
                .unwrap();
            assert_eq!(found, expected, "{text} {dialect:?}");
        }
        let absent = format!("{}/absent", web.url());
        let failed = rule_data_text(&absent, fetcher, Dialect::Conforma, Paths::Own).await;
        assert!(failed.unwrap_err().to_string().contains("absent"));
    }

    #[test]
    fn a_text_with_members_is_a_configuration_whichever_hosts_it_mentions() {
        for text in [
            "sources:\n- policy: [github.com/acme/policy//release]\n",
            "sources: [{policy: [github.com/acme/policy//release]}]",
            r#"{"sources": [{"policy": ["github.com/acme/policy//release"]}]}"#,
        ] {
            let document = inline(text).unwrap().unwrap();
            let spec = PolicySpec::from_document(document, "--policy").unwrap();
            assert_eq!(spec.sources[0].policy, ["github.com/acme/policy//release"]);
        }
        for text in [
            "github.com/acme/policy//release",
            "git::https://host/p.git",
            "team/strict",
        ] {
            assert!(inline(text).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn only_what_could_name_a_resource_is_looked_for_in_the_cluster() {
        assert_eq!(resource_name("team/strict"), Some((Some("team"), "strict")));
        assert_eq!(resource_name("strict"), Some((None, "strict")));
        assert_eq!(resource_name("k8s://a/src"), Some((Some("a"), "src")));
        assert_eq!(resource_name("k8s://src"), Some((None, "src")));
        for text in [
            "a/b/c",
            "Team/strict",
            "team/",
            "-x",
            "policy.yaml",
            "oci::x",
            "src",
        ] {
            assert_eq!(resource_name(text), None, "{text}");
        }
    }
}
