//! The token of the cluster goes to its API alone: a release by a mounted service account, and one
//! by a kubeconfig.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::kube::SIGNATURE;
use serde_json::json;

use super::{Wire, has, walk};
use crate::{
    harness::Run,
    tenant::{COMMIT, SOURCE, Tenant},
};

/// The directories and files that hold the token.
const OWN: [&str; 2] = ["account", "kubeconfig"];

/// A tenant whose registry is reached over a wire that keeps what was sent.
struct ClusterLogin {
    tenant: Tenant,
    wire: Wire,
    login: [String; 1],
}

impl ClusterLogin {
    fn new(login: &str) -> Self {
        let tenant = Tenant::new();
        let wire = Wire::to(&tenant.registry.address());
        let auth = STANDARD.encode("u:p");
        let logins = json!({"auths": {wire.address.as_str(): {"auth": auth}}});
        tenant.dir.write("docker/config.json", logins.to_string());
        tenant.dir.write("kubeconfig", tenant.cluster.kubeconfig());
        let image = tenant.signed("web", "a");
        let reference = format!("{}/{}@{}", wire.address, image.repository, image.digest);
        let source = json!({"git": {"url": SOURCE, "revision": COMMIT}});
        let component = json!({"name": "web", "containerImage": reference, "source": source});
        tenant.snapshot("snap", &[component]);
        let url = format!("{}/released/web", wire.address);
        let mapped = json!({"name": "web", "repositories": [{"url": url, "tags": ["released"]}]});
        tenant.release("snap", &json!({"mapping": {"components": [mapped]}}));
        Self {
            tenant,
            wire,
            login: [login.to_owned()],
        }
    }

    /// Runs a command with a verbose log, looks at what it says, and counts the API's requests.
    fn promote(&self, arguments: &[&str], asks: bool) -> Run {
        let before = self.tenant.cluster.requests().len();
        let mut all = arguments.to_vec();
        all.extend(["--log-level=trace", "--authfile=docker"]);
        if asks {
            all.extend(self.login.iter().map(String::as_str));
        }
        let run = self.tenant.promote(&all);
        let asked = self.tenant.cluster.requests().len() > before;
        assert_eq!(asked, asks, "{}", run.stderr);
        for text in [&run.stdout, &run.stderr] {
            assert!(!has(text.as_bytes(), SIGNATURE), "{text}");
        }
        assert!(run.stderr.contains("DEBUG"), "the log is not verbose");
        run
    }

    fn plan(&self) -> Run {
        let plan = [
            "plan-release",
            "--snapshot=k8s:tenant/snap",
            "--release=k8s:tenant/rel",
            "--release-plan=k8s:plan",
        ];
        self.promote(&plan, true)
    }

    fn release(&self) {
        // The API refuses first: a message about rights shows the account, not its token.
        self.plan().exits(2).says("may not read");
        self.tenant.cluster.allow_reading();
        self.tenant.cluster.allow("patch releases/status");
        self.plan().exits(0);
        let verify = [
            "verify-ec",
            "--policy=policy",
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ];
        self.promote(&verify, false).exits(0);
        let copy = ["copy-image", "--release=file:release.json", "--retries=0"];
        self.promote(&copy, false).exits(0);
        self.promote(&["release-status", "--patch=k8s:tenant/rel"], true)
            .exits(0);
    }

    fn check(&self) {
        let released = self.tenant.released();
        assert!(released.iter().any(|(tag, _)| tag == "web:released"));
        let sent = self.wire.sent.lock().unwrap();
        assert!(!sent.is_empty());
        assert!(!has(&sent, SIGNATURE), "the registry was sent the token");
        let (mut seen, mut holders) = (0, 0);
        for entry in fs::read_dir(self.tenant.dir.path(".")).unwrap() {
            let entry = entry.unwrap();
            let is_own = OWN.contains(&entry.file_name().to_str().unwrap());
            walk(&entry.path(), &mut |path: &Path, bytes: &[u8]| {
                let found = has(bytes, SIGNATURE);
                assert!(!found || is_own, "{} has the token", path.display());
                seen += 1;
                holders += usize::from(found);
            });
        }
        // The places that hold it are found by the same search.
        assert!(seen > 8 && holders == 2, "{seen} files, {holders} hold it");
        let object = self.tenant.cluster.object("releases", "rel").to_string();
        assert!(!has(object.as_bytes(), SIGNATURE), "{object}");
    }
}

#[test]
fn the_token_of_a_service_account_goes_to_its_cluster_alone() {
    let world = ClusterLogin::new("--service-account=account");
    world.release();
    world.check();
}

#[test]
fn the_token_of_a_kubeconfig_goes_to_its_cluster_alone() {
    let world = ClusterLogin::new("--kubeconfig=kubeconfig");
    world.release();
    world.check();
}
