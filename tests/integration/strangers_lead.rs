//! Where registries and Git hosts that only a Snapshot names may lead: to a token server, but not to
//! one in the private network of the run.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, TcpListener, ToSocketAddrs as _},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use lab::{
    registry::{Access, Options, Server},
    signer::{self, Image},
    universe::{STAGING, Universe},
};
use serde_json::json;

use crate::harness::{Run, Scene, Workdir};

/// A signed image in a registry whose token server has a token for everybody.
struct TokenRealm {
    universe: Universe,
    dir: Workdir,
    registry: Server,
    image: Image,
}

impl TokenRealm {
    /// The registry names the token server; without one it is its own.
    fn new(realm: Option<String>) -> Self {
        let Scene { universe, dir } = Scene::with_label_policy();
        let access = Access::Token {
            grants: Vec::new(),
            anonymous_pull: true,
            uses: None,
        };
        let options = Options {
            access,
            realm,
            ..Options::default()
        };
        let registry = Server::start(options).unwrap();
        let image = signer::push_image(&registry, STAGING, "v1", "other", 1).unwrap();
        let key = &universe.key;
        signer::sign(&registry, &image, key).unwrap();
        let statement = signer::provenance(&image, "https://git.example/a", "0123abcd");
        signer::attest(&registry, &image, key, &[statement]).unwrap();
        Self {
            universe,
            dir,
            registry,
            image,
        }
    }

    fn reference(&self) -> String {
        let address = self.registry.address();
        format!("{address}/{STAGING}@{}", self.image.digest)
    }

    fn list(&self) -> String {
        let component = json!({"name": "web", "containerImage": self.reference()});
        json!({"application": "a", "components": [component]}).to_string()
    }

    fn judge(&self, more: &[&str]) -> Run {
        let own = [
            "verify-ec",
            "--policy=policy.yaml",
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ];
        self.dir.promote(&[&own[..], more].concat())
    }
}

/// Answers each connection by a text and counts them.
struct Told {
    address: String,
    count: Arc<AtomicUsize>,
}

impl Told {
    fn start(answer: impl Fn() -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for peer in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut peer = peer.unwrap();
                let mut request = [0; 4096];
                let _ = peer.read(&mut request);
                let _ = peer.write_all(answer().as_bytes());
            }
        });
        Self { address, count }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The same server by the address of no host, which the system takes for this machine.
    fn private(&self) -> String {
        let port = self.address.rsplit(':').next().unwrap();
        format!("http://0.0.0.0:{port}")
    }
}

/// The name of this machine, where its addresses are private ones and it is not a name of loopback.
pub(crate) fn private_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = name.trim().to_ascii_lowercase();
    let found = (name.as_str(), 0).to_socket_addrs().ok()?;
    let is_private = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback(),
    };
    let mut addresses = found.map(|address| address.ip());
    (name != "localhost" && addresses.all(is_private)).then_some(name)
}

fn token() -> String {
    let body = "{\"token\": \"t\"}";
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

#[test]
fn a_registry_of_a_snapshot_has_no_token_server_in_a_private_network() {
    let private = Told::start(token);
    let scene = TokenRealm::new(Some(private.private()));
    scene
        .judge(&["--images", &scene.list()])
        .exits(2)
        .says("which only a Snapshot names, leads to 0.0.0.0:")
        .says("name it by a flag");
    assert_eq!(private.count(), 0);
    // So is a name all of whose addresses are private.
    if let Some(name) = private_name() {
        let port = private.address.rsplit(':').next().unwrap();
        let scene = TokenRealm::new(Some(format!("http://{name}:{port}")));
        scene
            .judge(&["--images", &scene.list()])
            .exits(2)
            .says(&format!("leads to {name}:{port}, a private address"));
        assert_eq!(private.count(), 0);
    }
    // A registry that a flag names may have its token server in a private network.
    scene.judge(&["--image", &scene.reference()]);
    assert_ne!(private.count(), 0);
}

#[test]
fn a_registry_of_a_snapshot_has_a_token_server_of_its_own() {
    let scene = TokenRealm::new(None);
    scene.judge(&["--images", &scene.list()]).exits(0);
    let requests = scene.registry.requests();
    assert!(
        requests
            .iter()
            .any(|request| request.path.starts_with("/token"))
    );
}

#[test]
fn a_token_server_of_a_snapshots_registry_does_not_redirect_into_a_private_network() {
    let private = Told::start(token);
    let to = private.private();
    let realm = Told::start(move || {
        format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}/token\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    });
    let scene = TokenRealm::new(Some(format!("http://{}", realm.address)));
    scene
        .judge(&["--images", &scene.list()])
        .exits(5)
        .says("its token server answered with something else than a token");
    assert_ne!(realm.count(), 0);
    assert_eq!(private.count(), 0);
}

#[test]
fn a_git_host_that_only_a_snapshot_names_is_not_asked_at_a_private_address() {
    let host = Told::start(|| {
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
    });
    let scene = TokenRealm::new(None);
    let url = format!("{}/acme/web", host.private());
    let component = json!({
        "name": "web",
        "containerImage": scene.reference(),
        "source": {"git": {"url": url, "revision": "main"}},
    });
    let list = json!({"application": "a", "components": [component]}).to_string();
    let plain = format!("--plain-http={}", host.private().replace("http://", ""));
    let gather = |more: &[&str]| {
        let own = ["gather-images", "--snapshot", &list, &plain];
        scene.dir.promote(&[&own[..], more].concat())
    };
    gather(&[])
        .exits(2)
        .says("to which only a Snapshot leads")
        .says("name the repository by --git-url");
    assert_eq!(host.count(), 0);
    // The honest twin: a flag names the repository, or a login its host.
    gather(&["--git-url", &url, "--revision=main"]).exits(3);
    assert_ne!(host.count(), 0);
    let before = host.count();
    let login = host.private().replace("://", "://bot:word@");
    scene
        .dir
        .write("git/.git-credentials", format!("{login}\n"));
    gather(&["--git-credentials-dir=git"]);
    assert!(host.count() > before);
    drop(scene.universe);
}
