//! Docker Distribution, as Debian packages it, with its data in a temporary directory.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{Process, find, free_port, run};

/// A running `docker-registry`.
pub(super) struct DockerRegistry {
    port: u16,
    _process: Process,
    dir: tempfile::TempDir,
    /// `user:password` of the account that skopeo takes.
    account: Option<&'static str>,
}

impl DockerRegistry {
    pub(super) fn start() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap(), String::new(), "", None)
    }

    /// Starts a registry that requires tokens of the server, which issues them to the account.
    pub(super) fn with_tokens(server: &lab::token::TokenServer, account: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.pem");
        fs::write(&path, server.certificate_pem()).unwrap();
        let auth = server.registry_config(path.to_str().unwrap());
        Self::in_dir(dir, auth, "", Some(account))
    }

    /// One behind TLS.
    pub(super) fn with_tls(tls: &lab::tls::Tls) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.pem"), dir.path().join("tls.key"));
        fs::write(&certificate, &tls.certificate_pem).unwrap();
        fs::write(&key, &tls.key_pem).unwrap();
        let tls = format!(
            ", tls: {{certificate: {}, key: {}}}",
            certificate.display(),
            key.display()
        );
        Self::in_dir(dir, String::new(), &tls, None)
    }

    fn in_dir(
        dir: tempfile::TempDir,
        auth: String,
        http: &str,
        account: Option<&'static str>,
    ) -> Self {
        let port = free_port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'{http}}}\n{auth}",
            dir.path().join("data").display()
        );
        let path = dir.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let mut command = Command::new(find("docker-registry").unwrap());
        command
            .arg("serve")
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self {
            port,
            _process: Process::start(command, port),
            dir,
            account,
        }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `skopeo`, which must not read the user's own configuration.
    pub(super) fn skopeo(&self) -> Command {
        let policy = self.dir.path().join("policy.json");
        fs::write(
            &policy,
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )
        .unwrap();
        let mut command = Command::new("skopeo");
        command
            .env("HOME", self.dir.path())
            .arg("--policy")
            .arg(policy);
        command
    }

    /// The digest of an image, as skopeo sees it.
    pub(super) fn digest(&self, image: &str) -> String {
        let image = format!("docker://{}/{image}", self.address());
        let mut inspect = self.skopeo();
        inspect.args(["inspect", "--tls-verify=false", "--format={{.Digest}}"]);
        if let Some(account) = self.account {
            inspect.args(["--creds", account]);
        }
        run(inspect.arg(&image)).trim().to_owned()
    }

    /// Copies an image here with skopeo, its digest preserved.
    pub(super) fn push(&self, from: &str, to: &str) {
        let (from, to) = (
            format!("docker://{from}"),
            format!("docker://{}/{to}", self.address()),
        );
        let mut copy = self.skopeo();
        copy.args([
            "copy",
            "--all",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
        ]);
        if let Some(account) = self.account {
            copy.args(["--dest-creds", account]);
        }
        run(copy.args([from, to]));
    }
}
