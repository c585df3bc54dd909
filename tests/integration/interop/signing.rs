//! Signed commits before `git verify-commit`, with GnuPG and OpenSSH as judges.

use std::{fs, path::Path, process::Command};

use super::{available, run};
use crate::{
    docs::root,
    harness::Workdir,
    overlays::{IMAGE, write_files},
};

const PATCH: &str = r"apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - {name: web, image: 'quay.io/acme/web:v0'}
";

/// A repository on disk and the home directories of the judges.
struct SignedRepository {
    dir: Workdir,
}

impl SignedRepository {
    fn new() -> Self {
        let dir = Workdir::new();
        let files = [("overlays/prod/deployment-patch.yaml", PATCH)];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        write_files(&dir, &files.into());
        let world = Self { dir };
        world.git(&["init", "--quiet", "--initial-branch=main", "."]);
        world.git(&["add", "."]);
        world.git(&[
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit",
            "--quiet",
            "-m",
            "start",
        ]);
        world.git(&["clone", "--quiet", "--bare", ".", "../gitops.git"]);
        world
    }

    fn git(&self, args: &[&str]) -> String {
        self.git_in("repo", args)
    }

    fn git_in(&self, dir: &str, args: &[&str]) -> String {
        run(Command::new("git")
            .current_dir(self.dir.path(dir))
            .env("HOME", self.dir.path("home"))
            .env("GNUPGHOME", self.dir.path("gnupg"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(args))
    }

    /// Deploys with a key and lets git verify the commit.
    fn verified(&self, key: &Path, passphrase: Option<&str>, config: &[&str]) -> String {
        let url = format!(
            "--gitops-repo-url=file://{}",
            self.dir.path("gitops.git").display()
        );
        let image = format!("--image={IMAGE}");
        let key = format!("--sign-key={}", key.display());
        let mut args = vec!["update-deployment", &url, "--unverified", &image, &key];
        if let Some(passphrase) = passphrase {
            self.dir.write("passphrase", format!("{passphrase}\n"));
            args.push("--sign-key-passphrase-file=passphrase");
        }
        self.dir.promote(&args).exits(0);
        let args = [config, &["verify-commit", "--raw", "main"]].concat();
        let output = Command::new("git")
            .current_dir(self.dir.path("gitops.git"))
            .env("HOME", self.dir.path("home"))
            .env("GNUPGHOME", self.dir.path("gnupg"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(&args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }
}

#[test]
fn gnupg_verifies_commits_signed_by_openpgp_keys() {
    if !available(&["gpg"]) {
        return;
    }
    for (name, passphrase) in [
        ("ed25519", None),
        ("rsa", None),
        ("p256", None),
        ("locked", Some("correct horse")),
        ("subkey", Some("secret")),
    ] {
        let world = SignedRepository::new();
        fs::create_dir(world.dir.path("gnupg")).unwrap();
        let key = root().join(format!("tests/fixtures/openpgp/{name}.asc"));
        // An export of subkeys imports as a public key too.
        run(Command::new("gpg")
            .env("GNUPGHOME", world.dir.path("gnupg"))
            .args(["--batch", "--quiet", "--import"])
            .arg(&key));
        let said = world.verified(&key, passphrase, &["-c", "gpg.format=openpgp"]);
        assert!(said.contains("[GNUPG:] GOODSIG"), "{name}: {said}");
        run(Command::new("gpgconf")
            .env("GNUPGHOME", world.dir.path("gnupg"))
            .args(["--kill", "all"]));
    }
}

#[test]
fn openssh_verifies_commits_signed_by_ssh_keys() {
    if !available(&["ssh-keygen"]) {
        return;
    }
    for (name, passphrase) in [("ssh-rsa", None), ("ssh-locked", Some("correct horse"))] {
        let world = SignedRepository::new();
        // ssh-keygen reads no private key that others may read.
        let key = world.dir.write(
            "key",
            fs::read(root().join("tests/fixtures/openpgp").join(name)).unwrap(),
        );
        #[cfg(unix)]
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let public = run(Command::new("ssh-keygen")
            .args(["-y", "-P", passphrase.unwrap_or_default(), "-f"])
            .arg(&key));
        let signers = world
            .dir
            .write("signers", format!("promote@localhost {public}"));
        let config = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        let said = world.verified(&key, passphrase, &["-c", "gpg.format=ssh", "-c", &config]);
        assert!(said.contains("Good \"git\" signature"), "{name}: {said}");
    }
}
