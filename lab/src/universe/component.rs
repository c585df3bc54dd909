//! The components of a universe: the image that was built for the tag, and its place in the GitOps
//! repository.

use anyhow::{Context as _, Result};

use super::{COMPONENT, Universe};
use crate::{
    registry,
    signer::{self, Image},
};

const STAGING: &str = "acme/staging";
const PRODUCTION: &str = "acme";

/// A component of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub name: String,
    /// The image that was built for the tag.
    pub image: Image,
}

impl Component {
    /// Pushes the image of a tag and the one that production runs so far; returns the first one
    /// and the content of the GitOps repository.
    pub(super) fn build(
        registry: &registry::Server,
        name: &str,
        tag: &str,
    ) -> Result<(Self, (String, String))> {
        let production = format!("{PRODUCTION}/{name}");
        let before = signer::push_image(registry, &production, "prod-v0.9", "old", 2)?;
        let deployed = format!(
            "{}/{production}:prod-v0.9@{}",
            registry.address(),
            before.digest
        );
        let staging = format!("{STAGING}/{name}");
        let image = signer::push_image(registry, &staging, tag, "honest", 3)?;
        let component = Self {
            name: name.to_owned(),
            image,
        };
        let patch = (component.patch_path(), patch(name, &deployed));
        Ok((component, patch))
    }

    /// The file of the GitOps repository that sets the image of production.
    #[must_use]
    pub fn patch_path(&self) -> String {
        patch_path(&self.name)
    }
}

impl Universe {
    /// Adds a component that the same tag releases: its image is pushed, without signatures or
    /// attestations, and production runs an earlier one.
    pub fn add_component(&mut self, name: &str) -> Result<Component> {
        let (component, (path, patch)) = Component::build(&self.registry, name, super::TAG)?;
        let subject = format!("deploy {name} v0.9");
        self.gitops()?
            .commit("main", &subject, &[(&path, &patch)])?;
        self.more.push(component.clone());
        Ok(component)
    }

    /// Returns all components, `web` first.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        let web = Component {
            name: COMPONENT.to_owned(),
            image: self.image.clone(),
        };
        let more = self.more.iter().cloned();
        std::iter::once(web).chain(more).collect()
    }

    /// Returns the reference that production runs of a component.
    pub fn deployed_component(&self, name: &str) -> Result<String> {
        let patch = self.gitops()?.read("main", &patch_path(name))?;
        let line = patch.lines().find_map(|line| {
            let value = line.trim().strip_prefix("image: ")?;
            let value = value.split(' ').next().unwrap_or_default();
            Some(value.trim_matches('"').to_owned())
        });
        line.with_context(|| format!("no image in the deployment of {name}"))
    }

    /// Returns the flags that name the images, `--image=NAME=REPOSITORY`.
    #[must_use]
    pub fn image_flags(&self) -> Vec<String> {
        let components = self.components();
        let named = components.iter().map(|component| {
            let repository = &component.image.repository;
            format!(
                "--image={}={}/{repository}",
                component.name,
                self.registry.address()
            )
        });
        named.collect()
    }

    /// Returns the destination of a copy: the repository of `web`, or a template of all.
    #[must_use]
    pub fn destination(&self) -> String {
        if self.more.is_empty() {
            return self.production();
        }
        format!("{}/{PRODUCTION}/{{name}}", self.registry.address())
    }
}

fn patch_path(component: &str) -> String {
    format!("components/{component}/overlays/prod/deployment-patch.yaml")
}

fn patch(component: &str, image: &str) -> String {
    format!(
        "\
# What production changes. The image is written by the promotion, the rest by people.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {component}
spec:
  replicas: 3        # two would do
  template:
    spec:
      containers:
        - name: {component}
          image: {image}  # promoted
          resources:
            requests: {{cpu: 100m, memory: 64Mi}}
"
    )
}
