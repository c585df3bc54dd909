//! Secrets go to their own hosts and nowhere else: a promotion with a recognisable secret in every
//! place that takes one, over wires that keep what was sent.

mod cluster;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    git::{self, Account},
    registry::{Access, Grant, Options, Server},
    signer::{self, Key},
    universe::{COMPONENT, TAG},
};

use crate::{
    harness::{ATTESTED_RULE, Run, Workdir},
    update_deployment::SIGN_KEY,
};

const STAGING: &str = "acme/staging/web";
const PATCH: &str = "components/web/overlays/prod/deployment-patch.yaml";

/// The secrets, each of a length and look of its own.
const TO_STAGING: &str = "Sx1PullStagingSecretAA01";
const TO_PRODUCTION: &str = "Sx2PushProductionSecret2";
const TO_GIT: &str = "Sx3GitPasswordSecret0003";
const OF_REGISTRY_ELSEWHERE: &str = "Sx4OtherRegistrySecret04";
const OF_GIT_ELSEWHERE: &str = "Sx5OtherGitHostSecret005";
const OF_COSIGN: &str = "Sx6CosignPasswordSecret6";
const OF_SIGSTORE: &str = "Sx7SigstoreTokenSecret07";
const OF_PROXY: &str = "Sx8ProxyPasswordSecret08";

/// Passes bytes on to a server and keeps those of its clients.
struct Wire {
    address: String,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    fn to(target: &str) -> Self {
        let target = target.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(&target) else {
                    return;
                };
                let (back, front) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let kept = Arc::clone(&kept);
                thread::spawn(move || pass(client, server, Some(&kept)));
                thread::spawn(move || pass(front, back, None));
            }
        });
        Self { address, sent }
    }

    fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}.git", self.address)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, kept: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1 << 14];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(kept) = kept {
            kept.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The forms in which a secret may appear.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), hex::encode(secret)];
    // In Base64, whatever precedes it; the ends depend on the neighbours.
    for before in ["", "x", "xx"] {
        let encoded = STANDARD.encode(format!("{before}{secret}"));
        let (from, to) = (before.len() + 2, encoded.len() - 4);
        forms.push(encoded[from..to].to_owned());
    }
    forms
}

fn has(bytes: &[u8], secret: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    forms(secret)
        .iter()
        .any(|form| text.contains(form.as_str()))
}

fn secrets() -> Vec<&'static str> {
    // A line of the private key represents all of it.
    let of_key = SIGN_KEY.lines().nth(4).unwrap();
    vec![
        TO_STAGING,
        TO_PRODUCTION,
        TO_GIT,
        OF_REGISTRY_ELSEWHERE,
        OF_GIT_ELSEWHERE,
        OF_COSIGN,
        OF_SIGSTORE,
        OF_PROXY,
        of_key,
    ]
}

fn guarded(user: &str, password: &str, redirect_blobs: Option<String>) -> Server {
    let account = Account {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    let grant = Grant {
        account,
        prefix: String::new(),
    };
    Server::start(Options {
        access: Access::Basic(vec![grant]),
        redirect_blobs,
        ..Options::default()
    })
    .unwrap()
}

/// A company whose hosts are all apart.
struct Company {
    staging: (Server, Wire),
    production: (Server, Wire),
    store: (Server, Wire),
    git: (git::GitServer, Wire),
    policies: (git::GitServer, Wire),
    stranger_registry: (Server, Wire),
    stranger_git: (git::GitServer, Wire),
    image: signer::Image,
    dir: Workdir,
}

impl Company {
    fn new() -> Self {
        let store = Server::start(Options::default()).unwrap();
        let to_store = Wire::to(&store.address());
        let redirect = format!("http://{}", to_store.address);
        let staging = guarded("puller", TO_STAGING, Some(redirect));
        let production = guarded("pusher", TO_PRODUCTION, None);
        let account = |password: &str| Account {
            user: "bot".to_owned(),
            password: password.to_owned(),
        };
        let git = git::GitServer::start(Some(account(TO_GIT))).unwrap();
        let policies = git::GitServer::start(None).unwrap();
        let stranger_git = git::GitServer::start(Some(account("nobody-knows"))).unwrap();
        let stranger_registry = guarded("nobody", "knows", None);
        let source = git.repository("acme/web").unwrap();
        let commit = source
            .commit("main", "web", &[("a.c", "int a;\n")])
            .unwrap();
        source.annotated_tag(TAG, &commit).unwrap();
        let patch = r"spec:
  template:
    spec:
      containers:
        - name: web
          image: r.example/web:old
";
        let gitops = git.repository("acme/gitops").unwrap();
        gitops.commit("main", "start", &[(PATCH, patch)]).unwrap();
        let policy = policies.repository("acme/policy").unwrap();
        policy
            .commit("main", "rules", &[("main.rego", ATTESTED_RULE)])
            .unwrap();
        let image = signer::push_image(&staging, STAGING, TAG, "web", 3).unwrap();
        let key = Key::generate().unwrap();
        signer::sign(&staging, &image, &key).unwrap();
        let statement = signer::provenance(&image, "https://git.example/acme/web", &commit);
        signer::attest(&staging, &image, &key, &[statement]).unwrap();
        mirror(&staging, &store);
        let dir = Workdir::new();
        dir.write("cosign.pub", key.public_pem());
        let wired = |server: &Server| Wire::to(&server.address());
        let company = Self {
            git: (git, Wire::to("127.0.0.1:1")),
            policies: (policies, Wire::to("127.0.0.1:1")),
            stranger_git: (stranger_git, Wire::to("127.0.0.1:1")),
            stranger_registry: {
                let wire = wired(&stranger_registry);
                (stranger_registry, wire)
            },
            staging: {
                let wire = wired(&staging);
                (staging, wire)
            },
            production: {
                let wire = wired(&production);
                (production, wire)
            },
            store: (store, to_store),
            image,
            dir,
        };
        company.wire_git().log_in()
    }

    fn wire_git(mut self) -> Self {
        for (server, wire) in [&mut self.git, &mut self.policies, &mut self.stranger_git] {
            *wire = Wire::to(&server.address());
        }
        self
    }

    /// Puts every secret into the place that takes it.
    fn log_in(self) -> Self {
        let auth = |user: &str, secret: &str| STANDARD.encode(format!("{user}:{secret}"));
        let auths = serde_json::json!({"auths": {
            self.staging.1.address.as_str(): {"auth": auth("puller", TO_STAGING)},
            self.production.1.address.as_str(): {"auth": auth("pusher", TO_PRODUCTION)},
            "elsewhere.example": {"auth": auth("x", OF_REGISTRY_ELSEWHERE)},
        }});
        self.dir.write("docker/config.json", auths.to_string());
        let logins = format!(
            "http://bot:{TO_GIT}@{}\nhttps://bot:{OF_GIT_ELSEWHERE}@elsewhere.example\n",
            self.git.1.address
        );
        self.dir.write("logins/.git-credentials", logins);
        self.dir.write("sign-key", SIGN_KEY);
        self
    }

    /// Each wire with the secrets that may go over it.
    fn wires(&self) -> BTreeMap<&'static str, (&Wire, Vec<&'static str>)> {
        BTreeMap::from([
            ("staging", (&self.staging.1, vec![TO_STAGING])),
            ("production", (&self.production.1, vec![TO_PRODUCTION])),
            ("object store", (&self.store.1, vec![])),
            ("git", (&self.git.1, vec![TO_GIT])),
            ("policies", (&self.policies.1, vec![])),
            ("stranger's registry", (&self.stranger_registry.1, vec![])),
            ("stranger's git", (&self.stranger_git.1, vec![])),
        ])
    }

    fn check_wires(&self) {
        for (name, (wire, own)) in self.wires() {
            let sent = wire.sent.lock().unwrap();
            for secret in secrets() {
                let found = has(&sent, secret);
                assert!(!found || own.contains(&secret), "{name} was sent {secret}");
            }
        }
    }

    /// Looks at everything that runs left in the directory, but for the places that hold secrets.
    fn check_files(&self) {
        let own = ["docker", "logins", "sign-key", "home"];
        let mut seen = 0;
        for entry in fs::read_dir(self.dir.path(".")).unwrap() {
            let entry = entry.unwrap();
            if !own.contains(&entry.file_name().to_str().unwrap()) {
                walk(&entry.path(), &mut |path, bytes| {
                    for secret in secrets() {
                        assert!(!has(bytes, secret), "{} has {secret}", path.display());
                    }
                    seen += 1;
                });
            }
        }
        assert!(seen > 5, "{seen} files");
        for repository in ["acme/gitops", "acme/web"] {
            let repository = self.git.0.repository(repository).unwrap();
            let log = ["log", "--all", "-p", "--format=raw"];
            let log = repository.git(&log, None).unwrap();
            for secret in secrets() {
                assert!(!has(log.as_bytes(), secret), "a commit has {secret}");
            }
        }
    }

    fn flags(&self) -> Vec<String> {
        vec![
            "--authfile=docker".to_owned(),
            "--git-credentials-dir=logins".to_owned(),
            "--log-level=trace".to_owned(),
            format!("--policy=git::{}", self.policies.1.url("acme/policy")),
            "--public-key=cosign.pub".to_owned(),
            "--ignore-rekor".to_owned(),
        ]
    }

    /// Runs the program with secrets in the environment too and looks at what it says; returns its
    /// arguments and those of its children as the system shows them.
    fn promote(&self, arguments: &[String]) -> (Run, Vec<u8>) {
        let mut command = self.dir.command();
        command
            .args(arguments)
            .env("COSIGN_PASSWORD", OF_COSIGN)
            .env("SIGSTORE_ID_TOKEN", OF_SIGSTORE)
            .env("HTTP_PROXY", format!("http://me:{OF_PROXY}@127.0.0.1:1"))
            .env("NO_PROXY", "127.0.0.1")
            .env("HTTPS_PROXY", format!("http://me:{OF_PROXY}@127.0.0.1:1"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (process, stop) = (child.id(), Arc::new(Mutex::new(false)));
        let watcher = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let mut seen = Vec::new();
                while !*stop.lock().unwrap() {
                    arguments_of(process, &mut seen);
                    thread::sleep(Duration::from_millis(2));
                }
                seen
            })
        };
        let read = |mut stream: Box<dyn std::io::Read + Send>| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).unwrap();
                bytes
            })
        };
        let stdout = read(Box::new(child.stdout.take().unwrap()));
        let stderr = read(Box::new(child.stderr.take().unwrap()));
        let status = child.wait().unwrap();
        *stop.lock().unwrap() = true;
        let seen = watcher.join().unwrap();
        let run = Run {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout.join().unwrap()).unwrap(),
            stderr: String::from_utf8(stderr.join().unwrap()).unwrap(),
        };
        for secret in secrets() {
            assert!(!has(run.stdout.as_bytes(), secret), "{secret} is printed");
            assert!(!has(run.stderr.as_bytes(), secret), "{secret} is logged");
        }
        (run, seen)
    }
}

/// Puts every blob of one registry's image into another one.
fn mirror(from: &Server, to: &Server) {
    for digest in from.manifests(STAGING) {
        let bytes = from.manifest(STAGING, &digest).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let layers = document["layers"].as_array().into_iter().flatten();
        for blob in layers.chain([&document["config"]]) {
            let digest = blob["digest"].as_str().unwrap();
            to.put_blob(STAGING, &from.blob(STAGING, digest).unwrap());
        }
    }
}

fn walk(path: &Path, see: &mut impl FnMut(&Path, &[u8])) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), see);
        }
    } else {
        see(path, &fs::read(path).unwrap());
    }
}

/// Adds the arguments of a process and its children, as `ps` shows them.
fn arguments_of(process: u32, seen: &mut Vec<u8>) {
    let at = |name: &str| format!("/proc/{process}/{name}");
    seen.extend(fs::read(at("cmdline")).unwrap_or_default());
    let children = fs::read_to_string(at(&format!("task/{process}/children")));
    for child in children.unwrap_or_default().split_whitespace() {
        seen.extend(fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default());
    }
}

#[test]
fn a_promotion_sends_each_secret_to_its_own_host_and_writes_none() {
    let company = Company::new();
    let config = "update-deployment:\n  sign-key: sign-key\n";
    company.dir.write("promote.yaml", config);
    let mut arguments = vec![
        "run".to_owned(),
        "--config=promote.yaml".to_owned(),
        format!("--tag={TAG}"),
        format!(
            "--image={COMPONENT}={}/{STAGING}",
            company.staging.1.address
        ),
        format!("--git-url={}", company.git.1.url("acme/web")),
        format!("--to={}/acme/web", company.production.1.address),
        format!("--gitops-repo-url={}", company.git.1.url("acme/gitops")),
        "--out=out".to_owned(),
        "--results-dir=results".to_owned(),
    ];
    arguments.extend(company.flags());
    let (run, seen) = company.promote(&arguments);
    let run = run.exits(0);
    assert!(run.stderr.contains("DEBUG"), "the log is not verbose");
    assert!(String::from_utf8_lossy(&seen).contains("--out=out"));
    for secret in secrets() {
        assert!(!has(&seen, secret), "{secret} is an argument");
    }
    // The same again into a log of its own.
    arguments.push("--log-file=promote.log".to_owned());
    company.promote(&arguments).0.exits(0);
    assert!(company.dir.exists("promote.log"));
    company.check_files();
    company.check_wires();
    // The wires saw what they are there for.
    for (name, (wire, own)) in company.wires() {
        let sent = wire.sent.lock().unwrap();
        assert!(sent.is_empty() == name.starts_with("stranger"), "{name}");
        assert!(own.iter().all(|secret| has(&sent, secret)), "{name}");
    }
    let digest = &company.image.digest;
    assert_eq!(&company.production.0.tags()["acme/web:prod-v1.0"], digest);
    let gitops = company.git.0.repository("acme/gitops").unwrap();
    assert!(
        gitops
            .read("main", PATCH)
            .unwrap()
            .contains(digest.as_str())
    );
    let commit = gitops.git(&["cat-file", "commit", "main"], None).unwrap();
    assert!(commit.contains("BEGIN SSH SIGNATURE"), "{commit}");
}

#[test]
fn strangers_that_documents_name_are_sent_nothing() {
    let company = Company::new();
    let pinned = format!(
        "{}/{STAGING}@{}",
        company.staging.1.address, company.image.digest
    );
    // A Snapshot names a Git host that asks for a login; so does a policy.
    let stranger = company.stranger_git.1.url("evil/web");
    company.stranger_git.0.repository("evil/web").unwrap();
    let snapshot = serde_json::json!({"application": "a", "components": [{
        "name": "web", "containerImage": pinned,
        "source": {"git": {"url": stranger, "revision": "main"}},
    }]});
    let basic = company.dir.path("logins");
    fs::remove_file(basic.join(".git-credentials")).unwrap();
    fs::write(basic.join("username"), "bot").unwrap();
    fs::write(basic.join("password"), TO_GIT).unwrap();
    let logins = [
        "--authfile=docker".to_owned(),
        "--git-credentials-dir=logins".to_owned(),
        "--log-level=trace".to_owned(),
    ];
    let mut gather = vec!["gather-images".to_owned(), format!("--snapshot={snapshot}")];
    gather.extend(logins.clone());
    company.promote(&gather).0.exits(2);
    let mut verify = vec!["verify-ec".to_owned(), format!("--image={pinned}")];
    verify.extend([
        "--public-key=cosign.pub".to_owned(),
        "--ignore-rekor".to_owned(),
    ]);
    verify.extend(logins);
    let inline = format!("{{\"sources\": [{{\"policy\": [\"git::{stranger}\"]}}]}}");
    let by_source = [verify.clone(), vec![format!("--policy={inline}")]].concat();
    company.promote(&by_source).0.exits(2);
    // A rule asks a registry that asks for a login.
    let question = format!(
        r#"deny contains result if {{
	ec.oci.descriptor("{}/x:y")
	result := {{"code": "main.none", "msg": "asked"}}
}}
"#,
        company.stranger_registry.1.address
    );
    let policy = company.policies.0.repository("acme/policy").unwrap();
    let rules = format!("{ATTESTED_RULE}\n{question}");
    policy
        .commit("main", "ask", &[("main.rego", &rules)])
        .unwrap();
    let by_rule = format!("--policy=git::{}", company.policies.1.url("acme/policy"));
    let by_rule = [verify, vec![by_rule]].concat();
    company.promote(&by_rule).0.exits(2);
    company.check_wires();
    for name in ["stranger's git", "stranger's registry"] {
        let sent = company.wires()[name].0.sent.lock().unwrap().clone();
        let text = String::from_utf8_lossy(&sent).to_lowercase();
        assert!(
            !text.is_empty() && !text.contains("authorization:"),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_secret_in_a_url_is_neither_printed_nor_written() {
    let company = Company::new();
    let url = company.git.1.url("acme/web");
    let secret = url.replace("http://", &format!("http://bot:{TO_GIT}@"));
    let image = format!(
        "--image={COMPONENT}={}/{STAGING}",
        company.staging.1.address
    );
    let arguments = [
        "gather-images".to_owned(),
        image,
        format!("--git-url={secret}"),
        "--revision=refs/tags/v1.0".to_owned(),
        "--authfile=docker".to_owned(),
        "--log-level=trace".to_owned(),
        "--results-dir=results".to_owned(),
    ];
    let (run, _) = company.promote(&arguments);
    // Whether it is taken or refused, nothing repeats it.
    assert!(matches!(run.code, 0 | 2), "{}", run.stderr);
    walk(&company.dir.path("."), &mut |path, bytes| {
        let own = path.to_str().unwrap();
        if !own.contains("/docker/") && !own.contains("/logins/") {
            assert!(!has(bytes, TO_GIT), "{own}");
        }
    });
}
