//! git's own HTTP server, `git http-backend`, behind lighttpd with basic authentication.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Process, find, free_port, run};

const CONFIG: &str = r#"
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi")
server.document-root = "@DIR@"
server.bind = "127.0.0.1"
server.port = @PORT@
auth.backend = "plain"
auth.backend.plain.userfile = "@DIR@/users"
auth.require = ("/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
alias.url = ("/git" => "@BACKEND@")
setenv.set-environment = ("GIT_PROJECT_ROOT" => "@DIR@/repositories", "GIT_HTTP_EXPORT_ALL" => "1")
cgi.assign = ("" => "")
"#;

/// A running server; the account is `bot` with the password `s3cret`.
pub(super) struct GitHttp {
    port: u16,
    dir: tempfile::TempDir,
    _process: Process,
}

impl GitHttp {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let backend = find("git-http-backend").unwrap();
        let config = CONFIG
            .replace("@DIR@", dir.path().to_str().unwrap())
            .replace("@PORT@", &port.to_string())
            .replace("@BACKEND@", backend.to_str().unwrap());
        fs::write(dir.path().join("lighttpd.conf"), config).unwrap();
        fs::write(dir.path().join("users"), "bot:s3cret\n").unwrap();
        let mut command = Command::new(find("lighttpd").unwrap());
        command
            .arg("-D")
            .arg("-f")
            .arg(dir.path().join("lighttpd.conf"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self {
            port,
            _process: Process::start(command, port),
            dir,
        }
    }

    pub(super) fn url(&self, repository: &str) -> String {
        format!("http://127.0.0.1:{}/git/{repository}.git", self.port)
    }

    /// The line of a `.git-credentials` file.
    pub(super) fn login(&self) -> String {
        format!("http://bot:s3cret@127.0.0.1:{}", self.port)
    }

    /// Takes over a bare repository under a name.
    pub(super) fn adopt(&self, repository: &str, from: &Path) -> PathBuf {
        let to = self
            .dir
            .path()
            .join("repositories")
            .join(format!("{repository}.git"));
        run(Command::new("git")
            .args(["clone", "--quiet", "--mirror"])
            .arg(from)
            .arg(&to));
        to
    }
}
