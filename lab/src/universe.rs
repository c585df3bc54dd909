//! A company on one machine: registry, Git server, a key, images built from a tagged commit,
//! a policy and a GitOps repository.

mod component;

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use anyhow::{Context as _, Result};

pub use self::component::Component;
use crate::{
    checkout, evidence,
    git::{self, Account, Repository},
    registry,
    signer::{self, Image, Key},
    tls::Tls,
};

/// The Git tag that is released.
pub const TAG: &str = "v1.0";
/// The repository to which builds push their images.
pub const STAGING: &str = "acme/staging/web";
/// The repository of the images in production.
pub const PRODUCTION: &str = "acme/web";
pub const COMPONENT: &str = "web";
/// The file of the GitOps repository that sets the image of production.
pub const PATCH: &str = "components/web/overlays/prod/deployment-patch.yaml";

const SOURCE: &str = "acme/web";
const GITOPS: &str = "acme/web-gitops";
const POLICY: &str = "acme/policy";

/// The servers with their content, and the keys.
pub struct Universe {
    pub registry: registry::Server,
    /// The Git server; it accepts one account, whose password is in [`Universe::credentials`].
    pub git: git::GitServer,
    /// The key of the build system.
    pub key: Key,
    /// The image of the component `web` that was built for the tag.
    pub image: Image,
    /// The commit that the tag names.
    pub commit: String,
    /// The components that were added to `web`.
    more: Vec<Component>,
    dir: tempfile::TempDir,
}

/// Every tag of the registry and every ref of the Git server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The digest of each tag, by `repository:tag`.
    pub tags: BTreeMap<String, String>,
    /// The object of each ref, by `repository ref`.
    pub refs: BTreeMap<String, String>,
}

/// The addresses and ports of a universe's servers.
#[derive(Debug, Clone)]
pub struct Site {
    pub listen: IpAddr,
    /// The registry's port; the Git server has the next one. Without it both are free ones.
    pub port: Option<u16>,
    pub tls: Option<Tls>,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            listen: IpAddr::from([127, 0, 0, 1]),
            port: None,
            tls: None,
        }
    }
}

impl Site {
    fn address(&self, number: u16) -> SocketAddr {
        let port = self.port.map_or(0, |base| base.saturating_add(number));
        SocketAddr::new(self.listen, port)
    }
}

impl Universe {
    /// Builds it on loopback; the image is pushed, without signatures or attestations.
    pub fn new() -> Result<Self> {
        Self::at(&Site::default())
    }

    /// Builds it with servers at other addresses.
    pub fn at(site: &Site) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut password = [0; 12];
        aws_lc_rs::rand::fill(&mut password)
            .ok()
            .context("no random bytes")?;
        let account = Account {
            user: "promoter".to_owned(),
            password: hex::encode(password),
        };
        let git =
            git::GitServer::start_at(Some(account.clone()), site.address(1), site.tls.as_ref())?;
        // As the workshop's GitLab behaves.
        git.set_habit(git::Habit::GitLab);
        let registry = registry::Server::start(registry::Options {
            listen: site.address(0),
            tls: site.tls.clone(),
            ..registry::Options::default()
        })?;
        let source = git.repository(SOURCE)?;
        let commit = source.commit(
            "main",
            "web: say hello",
            &[("main.c", "int main(void) { return 0; }\n")],
        )?;
        source.annotated_tag(TAG, &commit)?;
        let (web, (path, patch)) = Component::build(&registry, COMPONENT, TAG)?;
        git.repository(GITOPS)?.commit(
            "main",
            "deploy v0.9",
            &[("README.md", "# What runs where\n"), (&path, &patch)],
        )?;
        let universe = Self {
            key: Key::generate()?,
            registry,
            git,
            image: web.image,
            commit,
            more: Vec::new(),
            dir,
        };
        universe.set_policy(&[])?;
        universe.write("cosign.pub", &universe.key.public_pem())?;
        universe.write("git-credentials/username", &account.user)?;
        universe.write("git-credentials/password", &account.password)?;
        universe.write("docker-config/config.json", "{\"auths\": {}}\n")?;
        if let Some(tls) = &site.tls {
            universe.write("ca/ca.pem", &tls.trusted_pem)?;
        }
        Ok(universe)
    }

    /// Signs and attests the image as the build system does.
    pub fn sign_and_attest(&self) -> Result<()> {
        self.sign_and_attest_image(&self.image)
    }

    /// Signs and attests another image as the build system does.
    pub fn sign_and_attest_image(&self, image: &Image) -> Result<()> {
        let statements = self.statements(image, &self.commit);
        signer::sign(&self.registry, image, &self.key)?;
        signer::attest(&self.registry, image, &self.key, &statements)
    }

    /// Signs the image by a key.
    pub fn sign(&self, key: &Key) -> Result<()> {
        signer::sign(&self.registry, &self.image, key)
    }

    /// Attests provenance from a commit, the SBOM and a clean scan by a key.
    pub fn attest(&self, key: &Key, commit: &str) -> Result<()> {
        signer::attest(
            &self.registry,
            &self.image,
            key,
            &self.statements(&self.image, commit),
        )
    }

    /// Returns the build system's statements about an image that it built from a commit.
    #[must_use]
    pub fn statements(&self, image: &Image, commit: &str) -> Vec<serde_json::Value> {
        vec![
            evidence::provenance(image, &self.source_url(), commit, &[]),
            evidence::sbom(image),
            evidence::scan(image, &[]),
        ]
    }

    /// Commits the starter policy and more files to the policy repository.
    pub fn set_policy(&self, more: &[(&str, &str)]) -> Result<String> {
        let mut all = checkout::POLICIES.to_vec();
        all.extend(more);
        self.git
            .repository(POLICY)?
            .commit("main", "policy for releases", &all)
    }

    #[must_use]
    pub fn source_url(&self) -> String {
        self.git.url(SOURCE)
    }

    /// The GitOps repository's URL, as Pipelines form it: the page of the source repository with
    /// `-gitops` behind, never with `.git`.
    #[must_use]
    pub fn gitops_url(&self) -> String {
        format!("{}-gitops", self.source_page())
    }

    /// Where the policy is, as `--policy` takes it.
    #[must_use]
    pub fn policy_url(&self) -> String {
        format!("git::{}//release", self.git.url(POLICY))
    }

    /// The staging repository with the registry's address.
    #[must_use]
    pub fn staging(&self) -> String {
        format!("{}/{STAGING}", self.registry.address())
    }

    /// The production repository with the registry's address.
    #[must_use]
    pub fn production(&self) -> String {
        format!("{}/{PRODUCTION}", self.registry.address())
    }

    pub fn source(&self) -> Result<Repository> {
        self.git.repository(SOURCE)
    }

    pub fn gitops(&self) -> Result<Repository> {
        self.git.repository(GITOPS)
    }

    pub fn policy(&self) -> Result<Repository> {
        self.git.repository(POLICY)
    }

    /// Returns the reference that production runs of `web`.
    pub fn deployed(&self) -> Result<String> {
        self.deployed_component(COMPONENT)
    }

    /// Returns the path of the public key's file.
    #[must_use]
    pub fn public_key(&self) -> PathBuf {
        self.path("cosign.pub")
    }

    /// The directory with the Git account's name and password.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.path("git-credentials")
    }

    /// A path in the universe's own directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the web address of the source repository.
    #[must_use]
    pub fn source_page(&self) -> String {
        let url = self.source_url();
        url.strip_suffix(".git").unwrap_or(&url).to_owned()
    }

    /// The shipped PipelineRun of Pipelines-as-Code with what is in capitals filled in.
    pub fn pipeline_run(&self) -> Result<String> {
        let mut text = checkout::PIPELINE_RUN.to_owned();
        for (capitals, value) in [
            ("REGISTRY/STAGING/web", self.staging()),
            ("REGISTRY/PRODUCTION/web", self.production()),
            ("git::https://GIT-HOST/POLICIES//release", self.policy_url()),
        ] {
            anyhow::ensure!(text.contains(capitals), "the PipelineRun has no {capitals}");
            text = text.replace(capitals, &value);
        }
        Ok(text)
    }

    pub fn state(&self) -> Result<State> {
        let mut refs = BTreeMap::new();
        for name in [SOURCE, GITOPS, POLICY] {
            for (reference, object) in self.git.repository(name)?.refs()? {
                refs.insert(format!("{name} {reference}"), object);
            }
        }
        Ok(State {
            tags: self.registry.tags(),
            refs,
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(path, text)?;
        Ok(())
    }
}
