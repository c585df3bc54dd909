//! skopeo, which follows Go's rules, judges the cases of networks: an image is read where skopeo
//! reads it, through a proxy where skopeo asks one, and is refused where skopeo is.

use std::{process::Command, sync::atomic::Ordering};

use lab::{
    git::Account,
    registry::{Access, Grant, Options, Server},
    signer,
    tls::Tls,
};

use super::{available, find};
use crate::{harness::Workdir, networks::proxy};

/// The input of both tools in one case.
struct Case<'a> {
    name: &'a str,
    reference: String,
    env: Vec<(&'a str, String)>,
    authfile: Option<&'a str>,
    https: bool,
}

impl Case<'_> {
    fn of<'a>(name: &'a str, server: &Server) -> Case<'a> {
        Case {
            name,
            reference: format!("{}/staging/app:v1", server.address()),
            env: Vec::new(),
            authfile: None,
            https: false,
        }
    }

    fn host(&self) -> &str {
        self.reference.split('/').next().unwrap()
    }

    /// Tells whether skopeo reads the image.
    fn skopeo(&self, dir: &Workdir) -> bool {
        let mut command = Command::new(find("skopeo").unwrap());
        let out = dir.path(&format!("skopeo-{}", self.name));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", dir.path("home"))
            .current_dir(dir.path("."))
            .args(["--insecure-policy", "copy"])
            .arg(format!("--src-tls-verify={}", self.https))
            .arg(format!("docker://{}", self.reference))
            .arg(format!("dir:{}", out.display()))
            .envs(self.env.iter().map(|(name, value)| (name, value.as_str())));
        if let Some(file) = self.authfile {
            command.arg(format!("--src-authfile={}", dir.path(file).display()));
        }
        command.output().unwrap().status.success()
    }

    /// Tells whether copy-image does, and what it said.
    fn promote(&self, dir: &Workdir, to: &Server) -> (bool, String) {
        let target = format!("{}/prod/{}:v1", to.address(), self.name);
        let mut command = dir.command();
        command
            .args(["copy-image", &self.reference, &target, "--unverified"])
            .args(["--retries=0", "--attached=none"])
            .envs(self.env.iter().map(|(name, value)| (name, value.as_str())));
        let security = if self.https {
            "--https"
        } else {
            "--plain-http"
        };
        command.arg(format!("{security}={}", self.host()));
        command.args(self.authfile.map(|file| format!("--authfile={file}")));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    }
}

fn server(options: Options) -> Server {
    let server = Server::start(options).unwrap();
    signer::push_image(&server, "staging/app", "v1", "a", 2).unwrap();
    server
}

fn alice() -> Vec<Grant> {
    let account = Account {
        user: "alice".to_owned(),
        password: "wonder".to_owned(),
    };
    vec![Grant {
        account,
        prefix: String::new(),
    }]
}

fn tokens() -> Options {
    Options {
        access: Access::Token {
            grants: alice(),
            anonymous_pull: false,
            uses: None,
        },
        ..Options::default()
    }
}

/// "YWxpY2U6d29uZGVy" is alice:wonder, "YWxpY2U6d3Jvbmc=" alice with a wrong password.
fn auths(host: &str, auth: &str) -> String {
    format!(r#"{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}"#)
}

const GOOD: &str = "YWxpY2U6d29uZGVy";
const WRONG: &str = "YWxpY2U6d3Jvbmc=";

#[test]
fn skopeo_reads_with_the_same_credentials() {
    if !available(&["skopeo"]) {
        return;
    }
    let to = Server::start(Options::default()).unwrap();
    let registry = server(tokens());
    let at = registry.address();
    let basic = server(Options {
        access: Access::Basic(alice()),
        ..Options::default()
    });
    let logins = [
        ("nothing", String::new(), String::new()),
        ("home", auths(&at, GOOD), String::new()),
        ("wrong-home", auths(&at, WRONG), String::new()),
        ("flag-before-home", auths(&at, WRONG), auths(&at, GOOD)),
        ("wrong-flag", auths(&at, GOOD), auths(&at, WRONG)),
        ("other-host", auths("other.example", GOOD), String::new()),
        (
            "longest-key",
            format!(
                r#"{{"auths": {{"{at}": {{"auth": "{WRONG}"}}, "{at}/staging": {{"auth": "{GOOD}"}}}}}}"#
            ),
            String::new(),
        ),
        (
            "nulls",
            format!(
                r#"{{"auths": {{"o.example": {{"auth": null}}, "{at}": {{"auth": "{GOOD}", "identitytoken": null}}}}, "credHelpers": null}}"#
            ),
            String::new(),
        ),
    ];
    for (name, home, flag) in &logins {
        let dir = Workdir::new();
        if !home.is_empty() {
            dir.write("home/.docker/config.json", home);
        }
        let mut case = Case::of(name, &registry);
        if !flag.is_empty() {
            dir.write("flag.json", flag);
            case.authfile = Some("flag.json");
        }
        agree(&case, &dir, &to);
    }
    for (name, auth) in [("basic-good", GOOD), ("basic-wrong", WRONG)] {
        let dir = Workdir::new();
        dir.write("home/.docker/config.json", auths(&basic.address(), auth));
        agree(&Case::of(name, &basic), &dir, &to);
    }
}

fn agree(case: &Case<'_>, dir: &Workdir, to: &Server) {
    let (ours, said) = case.promote(dir, to);
    assert_eq!(ours, case.skopeo(dir), "{}: {said}", case.name);
}

#[test]
fn skopeo_trusts_the_same_certificates() {
    if !available(&["skopeo"]) {
        return;
    }
    let to = Server::start(Options::default()).unwrap();
    let tls = Tls::private_authority().unwrap();
    let own = Tls::self_signed_authority().unwrap();
    let dir = Workdir::new();
    dir.write("home/x", "");
    dir.write("good/ca-bundle.crt", &tls.trusted_pem);
    dir.write("good/README", "text\n");
    dir.write("good/empty", "");
    let trusted = "-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n";
    dir.write("good/trust.crt", trusted);
    let old = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    dir.write("good/old.crt", old);
    dir.write("own/server.crt", &own.trusted_pem);
    dir.write("none/README", "text\n");
    dir.write("file.pem", &tls.trusted_pem);
    let with = |tls: &Tls| {
        server(Options {
            tls: Some(tls.clone()),
            ..Options::default()
        })
    };
    let (private, single) = (with(&tls), with(&own));
    let at = |name: &str| dir.path(name).display().to_string();
    for (name, server, variable, value) in [
        ("dir", &private, "SSL_CERT_DIR", at("good")),
        (
            "dirs",
            &private,
            "SSL_CERT_DIR",
            format!("/nowhere:{}", at("good")),
        ),
        ("no-certificate", &private, "SSL_CERT_DIR", at("none")),
        ("file", &private, "SSL_CERT_FILE", at("file.pem")),
        ("no-file", &private, "SSL_CERT_FILE", at("nope.pem")),
        ("self-signed", &single, "SSL_CERT_DIR", at("own")),
        ("other-self-signed", &single, "SSL_CERT_DIR", at("good")),
    ] {
        let mut case = Case::of(name, server);
        case.env.push((variable, value));
        case.https = true;
        agree(&case, &dir, &to);
    }
}

#[test]
fn skopeo_asks_the_proxy_in_the_same_cases() {
    if !available(&["skopeo"]) {
        return;
    }
    let to = Server::start(Options::default()).unwrap();
    let local = server(Options::default());
    let dir = Workdir::new();
    let (proxy, count) = proxy(403);
    let far = "reg.example:5000/a/x:v1".to_owned();
    let near = format!("{}/staging/app:v1", local.address());
    for (at, (reference, none)) in [
        (&far, ""),
        (&far, "*"),
        (&far, "reg.example"),
        (&far, "reg.example:5000"),
        (&far, "reg.example:443"),
        (&far, "*.example"),
        (&far, ".example"),
        (&far, "example"),
        (&far, "other.example, .example.org"),
        (&far, " reg.example , x"),
        (&near, ""),
        (&near, "other.example"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("proxy-{at}");
        let case = Case {
            name: &name,
            reference: reference.clone(),
            env: vec![
                ("HTTP_PROXY", proxy.clone()),
                ("HTTPS_PROXY", proxy.clone()),
                ("NO_PROXY", none.to_owned()),
            ],
            authfile: None,
            https: false,
        };
        let asked = |run: &dyn Fn()| {
            let before = count.load(Ordering::Relaxed);
            run();
            count.load(Ordering::Relaxed) > before
        };
        let ours = asked(&|| {
            case.promote(&dir, &to);
        });
        let theirs = asked(&|| {
            case.skopeo(&dir);
        });
        assert_eq!(ours, theirs, "{reference} with NO_PROXY={none:?}");
    }
}
