//! SSH through the program `ssh`. This module reads no key and accepts no
//! unknown host key.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use url::Url;

use super::{Current, current};
use crate::{
    git::{
        credentials::SshKey,
        error::{self, Error, redacted},
    },
    text,
};

/// The size limit of the program's standard error.
const MAX_SAID: u64 = 16 << 10;

/// The host, port and path of a repository on SSH.
#[derive(Debug, PartialEq, Eq)]
struct SshAddress {
    /// `[USER@]HOST`, the destination argument of `ssh`.
    target: String,
    port: Option<u16>,
    path: String,
}

/// Tells whether the text is an address on SSH: `ssh://…` or `[USER@]HOST:PATH`.
pub(in crate::git) fn is_ssh(text: &str) -> bool {
    if text.starts_with("ssh://") {
        return true;
    }
    let before = text.split_once(':').map(|(before, _)| before);
    !text.contains("://") && before.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}

/// Checks an address and returns it unchanged.
pub(in crate::git) fn check(text: &str) -> Result<String, &'static str> {
    match SshAddress::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected ssh://[USER@]HOST[:PORT]/PATH or [USER@]HOST:PATH"),
    }
}

impl SshAddress {
    fn parse(text: &str) -> Option<Self> {
        let found = match text.split_once("://") {
            Some(_) => {
                let url = Url::parse(text).ok()?;
                let host = url.host_str()?;
                url.password().is_none().then_some(())?;
                let target = match url.username() {
                    "" => host.to_owned(),
                    user => format!("{user}@{host}"),
                };
                // As in git, a path below a home directory begins with ~.
                let path = match url.path().strip_prefix("/~") {
                    Some(rest) => format!("~{rest}"),
                    None => url.path().to_owned(),
                };
                Self {
                    target,
                    port: url.port(),
                    path,
                }
            }
            None => {
                let (target, path) = text.split_once(':')?;
                Self {
                    target: target.to_owned(),
                    port: None,
                    path: path.to_owned(),
                }
            }
        };
        let good = |c: char| c.is_ascii_alphanumeric() || "-._@[]:".contains(c);
        let host = found.target.rsplit('@').next().unwrap_or_default();
        // A leading dash would be an option of the program.
        let is_good = !found.target.starts_with('-')
            && !host.starts_with('-')
            && !host.is_empty()
            && found.target.chars().all(good)
            && found.path.len() > 1
            && !found.path.starts_with('-')
            && !found.path.contains(['\n', '\0']);
        is_good.then_some(found)
    }
}

/// The library's transport for SSH.
pub(super) struct Ssh;

impl SmartSubtransport for Ssh {
    fn action(
        &self,
        url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let program = match service {
            Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
            Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
        };
        let stream = SshStream::start(&current()?, url, program)
            .map_err(|error| git2::Error::from_str(&error::store(error)))?;
        Ok(Box::new(stream))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// A running `ssh` with its pipes.
struct SshStream {
    url: String,
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    any: bool,
    // Declared last, so that the key is removed after the program that uses it.
    _key: Option<tempfile::TempDir>,
}

impl SshStream {
    fn start(current: &Current, url: &str, program: &str) -> Result<Self, Error> {
        let shown = redacted(url);
        let failed = |error: io::Error| Error::Remote {
            url: shown.clone(),
            reason: format!("ssh does not start: {error}"),
        };
        let address = SshAddress::parse(url).ok_or_else(|| Error::Url {
            url: shown.clone(),
            reason: "expected ssh://[USER@]HOST[:PORT]/PATH or [USER@]HOST:PATH",
        })?;
        let credentials = &current.git.credentials;
        let ssh = program_in(credentials.env().get("PATH").unwrap_or_default(), "ssh");
        let ssh = ssh.ok_or_else(|| Error::NoSsh { url: shown.clone() })?;
        let mut command = Command::new(ssh);
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "ConnectTimeout=10",
            "ServerAliveInterval=15",
            "ServerAliveCountMax=4",
        ] {
            command.arg("-o").arg(option);
        }
        let key = match credentials.ssh()? {
            Some(key) => Some(use_key(&mut command, key).map_err(failed)?),
            None => None,
        };
        if let Some(port) = address.port {
            command.arg("-p").arg(port.to_string());
        }
        let path = address.path.replace('\'', "'\\''");
        command
            .arg(&address.target)
            .arg(format!("{program} '{path}'"));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let output = output.ok_or_else(|| failed(io::Error::other("no pipe")))?;
        Ok(Self {
            url: shown,
            child,
            input,
            output,
            any: false,
            _key: key,
        })
    }

    /// Returns the error of a connection that ended before any answer.
    fn nothing(&mut self) -> io::Error {
        let mut said = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // The program's output is for the message alone.
            let _ = stderr.take(MAX_SAID).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said);
        let said: Vec<_> = said.lines().map(str::trim).collect();
        let reason = text::line(&said.join("; ")).into_owned();
        let url = self.url.clone();
        io::Error::other(error::store(Error::Remote { url, reason }))
    }
}

impl Read for SshStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.output.read(buffer)?;
        if size == 0 && !self.any {
            return Err(self.nothing());
        }
        self.any = true;
        Ok(size)
    }
}

impl Write for SshStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.input {
            Some(input) => input.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for SshStream {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the key to a file that only this user may read, as the program requires: a mounted secret
/// is often readable for others.
fn use_key(command: &mut Command, key: &SshKey) -> io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700))?;
    let path = dir.path().join("key");
    let mut bytes = fs::read(&key.key)?;
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(&bytes)?;
    command
        .arg("-i")
        .arg(&path)
        .arg("-o")
        .arg("IdentitiesOnly=yes");
    if let Some(known) = &key.known_hosts {
        let option = format!("UserKnownHostsFile={}", known.display());
        command.arg("-o").arg(option);
    }
    Ok(dir)
}

fn program_in(path: &str, name: &str) -> Option<PathBuf> {
    let dirs = path.split(':').filter(|dir| !dir.is_empty());
    dirs.map(|dir| Path::new(dir).join(name))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_an_address_and_no_option() {
        let parsed = |text: &str| {
            let found = SshAddress::parse(text)?;
            Some((found.target, found.port, found.path))
        };
        let is = |target: &str, port, path: &str| Some((target.to_owned(), port, path.to_owned()));
        let scp = parsed("git@git.example.com:acme/web.git");
        assert_eq!(scp, is("git@git.example.com", None, "acme/web.git"));
        let url = parsed("ssh://git@git.example.com:2222/acme/web.git");
        assert_eq!(url, is("git@git.example.com", Some(2222), "/acme/web.git"));
        let home = parsed("ssh://git@git.example.com/~bot/web");
        assert_eq!(home, is("git@git.example.com", None, "~bot/web"));
        for bad in [
            "-oProxyCommand=touch x:a/b",
            "git@-oProxyCommand=x:a/b",
            "ssh://-oProxyCommand=x/a",
            "ssh://bot:pw@git.example.com/a",
            "git@git.example.com:",
            "a b:c/d",
        ] {
            assert_eq!(SshAddress::parse(bad), None, "{bad}");
        }
        assert!(is_ssh("git@git.example.com:acme/web.git"));
        assert!(!is_ssh("https://git.example.com/acme/web.git"));
        assert!(!is_ssh("./a:b"));
    }
}
