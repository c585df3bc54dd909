//! Three components in one universe, promoted by `run`.

use std::collections::BTreeMap;

use lab::{
    registry::Saved,
    signer::Image,
    universe::{COMPONENT, Universe},
};

use crate::harness::{EFFECTIVE_TIME, Workdir};

pub(super) const NAMES: [&str; 3] = ["web", "api", "job"];

/// The universe and its three images.
pub(super) struct Trio {
    pub(super) universe: Universe,
    pub(super) images: Vec<Image>,
    start: (Saved, String),
}

impl Trio {
    pub(super) fn new() -> Self {
        let mut universe = Universe::new().unwrap();
        for name in NAMES.into_iter().filter(|name| *name != COMPONENT) {
            universe.add_component(name).unwrap();
        }
        let components = universe.components();
        for component in &components {
            universe.sign_and_attest_image(&component.image).unwrap();
        }
        let images = components
            .into_iter()
            .map(|component| component.image)
            .collect();
        let head = universe.gitops().unwrap().resolve("main").unwrap();
        let start = (universe.registry.save(), head);
        Self {
            universe,
            images,
            start,
        }
    }

    /// Puts registry and GitOps repository back to where they were.
    pub(super) fn reset(&self) {
        self.universe.registry.heal();
        self.universe.registry.restore(self.start.0.clone());
        self.universe.registry.forget_requests();
        let head = ["update-ref", "refs/heads/main", &self.start.1];
        self.universe.gitops().unwrap().git(&head, None).unwrap();
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let (universe, at) = (&self.universe, self.universe.registry.address());
        // One moment for all runs: the report, and by its digest the commit, names it.
        let config = universe.path("promote.yaml");
        let time = format!("verify-ec:\n  effective-time: {EFFECTIVE_TIME}\n");
        std::fs::write(&config, time).unwrap();
        let mut all = vec![
            "run".to_owned(),
            format!("--config={}", config.display()),
            "--tag=v1.0".to_owned(),
            format!("--git-url={}", universe.source_url()),
            format!("--policy={}", universe.policy_url()),
            format!("--public-key={}", universe.public_key().display()),
            "--ignore-rekor".to_owned(),
            format!("--to={at}/prod/{{name}}"),
            format!("--gitops-repo-url={}", universe.gitops_url()),
            format!("--git-credentials-dir={}", universe.credentials().display()),
        ];
        all.extend(universe.image_flags());
        all
    }

    /// Every tag below `prod/`, and the tree of the GitOps repository.
    pub(super) fn state(&self) -> (BTreeMap<String, String>, String) {
        let mut tags = self.universe.registry.tags();
        tags.retain(|tag, _| tag.starts_with("prod/"));
        let head = self
            .universe
            .gitops()
            .unwrap()
            .resolve("main^{tree}")
            .unwrap();
        (tags, head)
    }

    pub(super) fn run(&self, dir: &Workdir) -> crate::harness::Run {
        let arguments = self.arguments();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        dir.promote(&arguments)
    }
}
