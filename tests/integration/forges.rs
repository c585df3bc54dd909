//! Git hosts as they are: habits of their transport, change requests and commit statuses of each
//! kind, refusals, kills, and many writers at once.

mod app;
mod habits;
mod killed;
mod refusals;
mod requests;
mod roots;
mod statuses;
mod trailers;
mod writers;

use std::{collections::BTreeMap, sync::Arc};

use lab::{
    forge::{Forge, ForgeFault, Kind},
    git::{Account, GitServer, Repository},
};
use serde_json::json;

use crate::harness::{Run, Workdir};

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const FILE: &str = "components/web/overlays/prod/deployment-patch.yaml";
const TOKEN: &str = "t0ken";

fn patch(image: &str) -> String {
    format!(
        r"apiVersion: apps/v1   # keep
kind: Deployment
metadata: {{name: web}}
spec:
  template:
    spec:
      containers:
        - name: web
          image: {image}  # promoted
"
    )
}

fn deployed(tag: &str, digest: &str) -> String {
    format!("registry.example/acme/web:{tag}@{digest}")
}

/// The name of the GitOps repository as each kind of host has it.
fn repository_of(kind: Kind) -> &'static str {
    match kind {
        Kind::GitLab => "acme/team/web-gitops",
        Kind::Azure => "acme/ops/_git/web-gitops",
        Kind::BitbucketDataCenter => "scm/OPS/web-gitops",
        _ => "acme/web-gitops",
    }
}

/// A GitOps repository on a host with an API, and a promotion to deploy.
struct ForgeStandIn {
    dir: Workdir,
    server: GitServer,
    forge: Arc<Forge>,
    gitops: Repository,
    source: String,
    kind: Kind,
    name: &'static str,
    /// The path of the GitOps repository on the host.
    repository: &'static str,
}

impl ForgeStandIn {
    fn new(host: (Kind, &'static str)) -> Self {
        Self::with(host, repository_of(host.0), Forge::new(host.0, TOKEN))
    }

    fn with((kind, name): (Kind, &'static str), repository: &'static str, forge: Forge) -> Self {
        let account = Account {
            user: "bot".to_owned(),
            password: TOKEN.to_owned(),
        };
        let (dir, server) = (Workdir::new(), GitServer::start(Some(account)).unwrap());
        let gitops = server.repository(repository).unwrap();
        let first = gitops.commit("source", "first", &[("a", "0")]).unwrap();
        let source = gitops.commit("source", "build", &[("a", "1")]).unwrap();
        let start = format!("start\n\nImage-Digest: web {OLD}\nSource-Commit: {first}");
        let file = patch(&deployed("v0", OLD));
        gitops.commit("main", &start, &[(FILE, &file)]).unwrap();
        let forge = Arc::new(forge);
        server.set_forge(Arc::clone(&forge));
        dir.write("credentials/username", "bot");
        dir.write("credentials/password", TOKEN);
        let scene = Self {
            dir,
            server,
            forge,
            gitops,
            source,
            kind,
            name,
            repository,
        };
        scene.promote("prod-v1.0", NEW);
        scene
    }

    /// Writes the `promoted.json` of an image.
    fn promote(&self, tag: &str, digest: &str) {
        let promoted = json!({
            "version": 1, "verifiedDigest": OLD, "gitTag": "v1.0", "commit": self.source,
            "policyDigest": OLD, "reportDigest": NEW,
            "source": {"url": self.url(), "commit": self.source},
            "components": [{
                "name": "web", "source": format!("registry.example/staging/web@{digest}"),
                "destinations": [format!("registry.example/acme/web:{tag}")], "digest": digest,
                "previousDigest": null,
                "copied": {"manifests": 1, "blobs": 0, "referrers": 0, "bytes": 0},
            }],
        });
        self.dir.write("promoted.json", promoted.to_string());
    }

    /// The URL as the host shows it.
    fn url(&self) -> String {
        let url = self.server.url(self.repository);
        match self.kind {
            Kind::Azure => url.trim_end_matches(".git").to_owned(),
            _ => url,
        }
    }

    fn arguments(&self, flags: &[&str]) -> Vec<String> {
        let own = [
            "update-deployment".to_owned(),
            format!("--gitops-repo-url={}", self.url()),
            "--git-credentials-dir=credentials".to_owned(),
            "--results-dir=results".to_owned(),
            format!("--forge={}", self.name),
        ];
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        own.into_iter().chain(flags).collect()
    }

    fn update(&self, flags: &[&str]) -> Run {
        let arguments = self.arguments(flags);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.dir.promote(&arguments)
    }

    /// Opens the change request.
    fn propose(&self, flags: &[&str]) -> Run {
        let flags: Vec<_> = ["--change-request"].iter().chain(flags).copied().collect();
        self.update(&flags)
    }

    fn result(&self, name: &str) -> String {
        self.dir.read(&format!("results/{name}"))
    }

    fn refs(&self) -> BTreeMap<String, String> {
        self.gitops.refs().unwrap()
    }

    /// The branch of the one change request.
    fn branch(&self) -> String {
        let found = self.forge.requests();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].source.clone()
    }

    /// Lets requests of the API fail.
    fn fail(&self, method: &'static str, path: &'static str, status: u16, times: usize) {
        self.forge.fail(ForgeFault {
            method,
            path,
            status,
            headers: Vec::new(),
            is_done: false,
            times,
        });
    }

    /// Checks that the branch of the change request holds one commit with the right edit.
    #[track_caller]
    fn holds_one_commit(&self) {
        let (branch, name) = (self.branch(), self.name);
        let count = format!("main..{branch}");
        let count = self.gitops.git(&["rev-list", "--count", &count], None);
        assert_eq!(count.unwrap(), "1", "{name}");
        let file = self.gitops.read(&branch, FILE).unwrap();
        assert_eq!(file, patch(&deployed("prod-v1.0", NEW)), "{name}");
        let main = self.gitops.read("main", FILE).unwrap();
        assert_eq!(main, patch(&deployed("v0", OLD)), "{name}");
        self.gitops.git(&["fsck", "--strict"], None).unwrap();
    }
}

/// The part of the API's paths at which change requests are opened.
fn requests_path(kind: Kind) -> &'static str {
    match kind {
        Kind::GitLab => "/merge_requests",
        Kind::GitHub | Kind::Gitea => "/pulls",
        Kind::Bitbucket | Kind::Azure => "/pullrequests",
        Kind::BitbucketDataCenter => "/pull-requests",
    }
}
