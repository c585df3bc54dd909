//! Tests kubeconfigs that reach a cluster, and those that are refused before anything is sent.

use std::{fs, path::PathBuf};

use lab::{sigstore::Web, tls::Tls};

use super::*;

const SECRET: &str = "api/v1/namespaces/team/secrets/cosign";

/// A cluster with a private authority that requires a token.
struct Cluster {
    web: Web,
    tls: Tls,
    dir: tempfile::TempDir,
}

impl Cluster {
    fn new() -> Self {
        let tls = Tls::private_authority().unwrap();
        let web = Web::start_with_tls(&tls).unwrap();
        web.demand("t0ken");
        let key = STANDARD.encode("key");
        let secret = format!(
            r#"{{"kind": "Secret", "metadata": {{"name": "cosign", "namespace": "team"}}, "data": {{"cosign.pub": "{key}"}}}}"#
        );
        web.serve_files([(SECRET.to_owned(), secret.into_bytes())].into());
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ca.crt"), &tls.trusted_pem).unwrap();
        fs::write(dir.path().join("token"), "t0ken\n").unwrap();
        Self { web, tls, dir }
    }

    fn config(&self) -> String {
        let ca = STANDARD.encode(&self.tls.trusted_pem);
        format!(
            r"apiVersion: v1
kind: Config
current-context: prod
contexts:
- name: prod
  context: {{cluster: one, user: me, namespace: team}}
clusters:
- name: one
  cluster:
    server: {}
    certificate-authority-data: {ca}
users:
- name: me
  user:
    token: t0ken
",
            self.web.url()
        )
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    async fn read(&self, files: &[PathBuf]) -> Result<Option<Vec<u8>>, Error> {
        let kube = Kube::of_config(files, &Env::default())?;
        let namespace = kube.namespace().to_owned();
        kube.secret(&namespace, "cosign", "cosign.pub").await
    }
}

#[tokio::test]
async fn a_token_in_the_file_or_beside_it_reads_a_secret() {
    let cluster = Cluster::new();
    let whole = cluster.config();
    let ca = STANDARD.encode(&cluster.tls.trusted_pem);
    let beside = whole.replace("token: t0ken", "tokenFile: token").replace(
        &format!("certificate-authority-data: {ca}"),
        "certificate-authority: ca.crt",
    );
    for text in [&whole, &beside] {
        let file = cluster.write("config", text);
        assert_eq!(
            cluster.read(&[file]).await.unwrap().unwrap(),
            b"key",
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_first_of_several_files_wins() {
    let cluster = Cluster::new();
    let first = cluster.write("first", &cluster.config());
    let other = cluster.config().replace("t0ken", "other");
    let other = cluster.write(
        "other",
        &other.replace("current-context: prod", "current-context: x"),
    );
    let both = [first.clone(), other.clone()];
    assert_eq!(cluster.read(&both).await.unwrap().unwrap(), b"key");
    let context = cluster.write("context", "current-context: prod\n");
    assert!(cluster.read(&[context, first]).await.is_ok());
    assert!(cluster.read(&[other]).await.is_err());
}

#[tokio::test]
async fn what_the_file_cannot_be_trusted_with_is_refused_before_anything_is_sent() {
    let cluster = Cluster::new();
    let good = cluster.config();
    let user = |member: &str| good.replace("token: t0ken", member);
    let of_cluster =
        |member: &str| good.replace("  cluster:\n", &format!("  cluster:\n    {member}\n"));
    let server = |url: &str| {
        good.replace(
            &format!("server: {}", cluster.web.url()),
            &format!("server: {url}"),
        )
    };
    for text in [
        user("exec: {command: gke-gcloud-auth-plugin}"),
        user("token: t0ken\n    exec: {command: /bin/true}"),
        user("auth-provider: {name: oidc}"),
        user("username: admin\n    password: word"),
        user("token: t0ken\n    as: system:admin"),
        user("client-certificate-data: aaaa"),
        user("token: 'a b'"),
        user("token: 7"),
        user("tokenFile: missing"),
        user("x: y"),
        of_cluster("insecure-skip-tls-verify: true"),
        of_cluster("proxy-url: http://127.0.0.1:1"),
        of_cluster("tls-server-name: other"),
        server("http://127.0.0.1:1"),
        server("https://user:word@127.0.0.1:1"),
        server("https://127.0.0.1:1/?x=y"),
        server("unix:///run/x"),
        good.replace("namespace: team", "namespace: ../kube-system"),
        good.replace("current-context: prod", "current-context: other"),
        good.replace("current-context: prod\n", ""),
        good.replace("cluster: one,", "cluster: two,"),
        good.replace("name: me", "name: you"),
        "[]".to_owned(),
        "a: &a [*a]".to_owned(),
        String::new(),
    ] {
        let file = cluster.write("config", &text);
        let found = cluster.read(&[file]).await;
        let is_refused = matches!(found, Err(Error::Config { .. } | Error::Name { .. }));
        assert!(is_refused, "{text}: {found:?}");
        if let Err(error) = found {
            assert!(!error.to_string().contains("t0ken"), "{error}");
        }
    }
    assert!(cluster.web.requests().is_empty());
}

#[tokio::test]
async fn the_authority_of_the_file_is_the_only_one() {
    let cluster = Cluster::new();
    let other = STANDARD.encode(Tls::private_authority().unwrap().trusted_pem);
    let ca = STANDARD.encode(&cluster.tls.trusted_pem);
    let file = cluster.write("config", &cluster.config().replace(&ca, &other));
    let found = cluster.read(&[file]).await;
    assert!(matches!(found, Err(Error::Remote { .. })), "{found:?}");
    assert!(cluster.web.requests().is_empty());
}

#[test]
fn a_pod_outranks_the_variable_and_the_flag_outranks_the_pod() {
    let cluster = Cluster::new();
    let file = cluster.write("config", &cluster.config());
    let named = file.display().to_string();
    let pod = cluster.dir.path();
    cluster.write("namespace", "of-pod");
    let of = |env: &Env| Kube::open_at(env, pod).map(|kube| kube.namespace().to_owned());
    let mut env = Env::from([("KUBECONFIG", named.as_str())]);
    // Only a mounted account makes a pod.
    let elsewhere = Kube::open_at(&env, &pod.join("nowhere")).unwrap();
    assert_eq!(elsewhere.namespace(), "team");
    assert!(matches!(of(&env), Err(Error::NoCluster { .. })));
    env = Env::from([
        ("KUBECONFIG", named.as_str()),
        ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
    ]);
    assert_eq!(of(&env).unwrap(), "of-pod");
    env.set_kubeconfig(file);
    assert_eq!(of(&env).unwrap(), "team");
}

#[test]
fn a_home_without_a_kubeconfig_is_not_a_cluster() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().display().to_string();
    let env = Env::from([("HOME", path.as_str())]);
    let open = || Kube::open_at(&env, &home.path().join("nowhere"));
    assert!(matches!(open(), Err(Error::NoCluster { .. })));
    fs::create_dir(home.path().join(".kube")).unwrap();
    let cluster = Cluster::new();
    fs::write(home.path().join(".kube/config"), cluster.config()).unwrap();
    assert_eq!(open().unwrap().namespace(), "team");
    let missing = Env::from([("KUBECONFIG", "/nowhere/config")]);
    let missing = Kube::open_at(&missing, &home.path().join("nowhere"));
    assert!(matches!(missing, Err(Error::NoCluster { .. })));
}
