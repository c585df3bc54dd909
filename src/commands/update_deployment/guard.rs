//! Checks before an edit is written: only the image that was seen first is replaced, and an older image
//! replaces a newer one only when that is allowed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{DeployImages, DeployRequest, DeployedImage, ReleaseSource, images::ImagesToDeploy};
use crate::{
    commands::{Context, failures::registry_failure},
    failure::{Failure, Kind},
    git::Git,
    image::Reference,
    lineage::{self, ImageOrigin, Order},
    registry::{self, Registry},
};

/// Checks before each edit is written. Cheap to clone.
#[derive(Clone)]
pub(super) struct Guard {
    git: Git,
    registry: Registry,
    allow_rollback: bool,
    /// Set when a floating tag is followed: images without another order are compared by their creation times.
    by_time: bool,
    release: ReleaseSource,
    /// The image that the first attempt saw, by component.
    first: Arc<Mutex<Option<BTreeMap<String, String>>>>,
}

impl Guard {
    /// Prepares the checks for one deployment.
    pub(super) fn new(request: &DeployRequest, wanted: &ImagesToDeploy, context: &Context) -> Self {
        Self {
            git: context.git.clone(),
            registry: context.registry.clone(),
            allow_rollback: request.allow_rollback,
            by_time: matches!(request.images, DeployImages::Followed(_)),
            release: wanted.release.clone(),
            first: Arc::default(),
        }
    }

    /// Checks each changed image against the one that it replaces; blocks. `head` is the URL
    /// and commit of the GitOps repository.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when another image was deployed since the first attempt,
    /// [`Kind::Refused`] for an older image.
    pub(super) fn check(
        &self,
        changed: &[(DeployedImage, String)],
        head: Option<(&str, &str)>,
    ) -> Result<(), Failure> {
        self.check_race(changed)?;
        if self.allow_rollback {
            return Ok(());
        }
        for (image, previous) in changed {
            self.check_order(image, previous, head)?;
        }
        Ok(())
    }

    fn check_race(&self, changed: &[(DeployedImage, String)]) -> Result<(), Failure> {
        let now = changed
            .iter()
            .map(|(image, previous)| (image.name.clone(), previous.clone()));
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = first.as_ref() else {
            *first = Some(now.collect());
            return Ok(());
        };
        for (name, previous) in now {
            if first.get(&name) != Some(&previous) {
                let seen = first
                    .get(&name)
                    .map_or("the promoted image", String::as_str);
                let text = format!(
                    "{name} was {seen} and is {previous} now: another image was deployed meanwhile"
                );
                return Err(Failure::message(Kind::Conflict, text)
                    .hint("run again if this one is still to be deployed"));
            }
        }
        Ok(())
    }

    fn check_order(
        &self,
        image: &DeployedImage,
        previous: &str,
        head: Option<(&str, &str)>,
    ) -> Result<(), Failure> {
        let name = &image.name;
        // An empty value may be replaced by any image.
        if previous.is_empty() {
            return Ok(());
        }
        let old: Reference = match previous.parse() {
            Ok(old) => old,
            Err(_) => {
                tracing::warn!("{name} replaces {previous:?}, which cannot be compared");
                return Ok(());
            }
        };
        if old.digest.is_some() && old.digest == image.reference.digest {
            return Ok(());
        }
        // A floating tag that looks like a version does not order images.
        let version = |reference: &Reference| {
            let tag = reference.tag.as_ref().filter(|_| !self.by_time);
            tag.map(ToString::to_string)
        };
        let running = ImageOrigin {
            commit: self.running_commit(name, &old, head),
            version: version(&old),
            built: None,
        };
        let new = ImageOrigin {
            commit: self.release.commit.clone(),
            version: version(&image.reference),
            built: None,
        };
        match lineage::compare(&self.git, self.release.url.as_deref(), &running, &new) {
            Order::Newer => Ok(()),
            Order::Older(reason) => {
                let text = format!("{name} would go back to an older image: {reason}");
                Err(Failure::message(Kind::Refused, text)
                    .hint("--allow-rollback deploys it anyway"))
            }
            Order::Unknown(_) if self.by_time => self.check_time(image, &old),
            Order::Unknown(reason) => {
                tracing::warn!("{name} replaces {previous}, which cannot be ordered: {reason}");
                Ok(())
            }
        }
    }

    /// Compares the creation times of two images: a floating tag that was moved back is not deployed, and neither is one
    /// whose times do not order the images.
    fn check_time(&self, image: &DeployedImage, old: &Reference) -> Result<(), Failure> {
        let name = &image.name;
        // An earlier run always writes a digest.
        if old.digest.is_none() {
            tracing::warn!("{name} replaces {old}, which is not pinned and cannot be ordered");
            return Ok(());
        }
        let reason = match (self.made(old)?, self.made(&image.reference)?) {
            (Some(running), Some(new)) if new < running => {
                format!(
                    "would go back to an older image: it was created at {new}, the running one at {running}"
                )
            }
            (Some(_), Some(_)) => return Ok(()),
            (None, _) => format!("cannot be ordered: the creation time of {old} is unknown"),
            (_, None) => format!(
                "cannot be ordered: {} has no creation time",
                image.reference
            ),
        };
        Err(Failure::message(Kind::Refused, format!("{name} {reason}"))
            .hint("--allow-rollback deploys it anyway"))
    }

    /// Reads the creation time of an image; `None` where it has none, or is gone from its registry.
    fn made(&self, reference: &Reference) -> Result<Option<Timestamp>, Failure> {
        let Some(digest) = reference.digest else {
            return Ok(None);
        };
        let made = ImageOrigin::created(&self.registry, &reference.repository, digest);
        match Handle::current().block_on(made) {
            Ok(made) => Ok(made),
            Err(registry::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(registry_failure(error)),
        }
    }

    /// Returns the source commit of the running image: the trailer of the commit that set it, else the
    /// image's label. Looked up only where it can be compared.
    fn running_commit(
        &self,
        name: &str,
        running: &Reference,
        head: Option<(&str, &str)>,
    ) -> Option<String> {
        self.release.url.as_ref()?;
        self.release.commit.as_ref()?;
        let digest = running.digest?;
        if let Some((url, commit)) = head {
            let history = self.git.history(url, &[commit], Some(lineage::SEARCHED));
            let messages =
                history.and_then(|history| history.messages(commit, lineage::SEARCHED as usize));
            match messages {
                Ok(messages) => {
                    if let Some(found) = lineage::source_commit(&messages, name, digest) {
                        return Some(found);
                    }
                }
                Err(error) => tracing::warn!("the commit that set {name} is not known: {error}"),
            }
        }
        let labels = ImageOrigin::of_image(&self.registry, &running.repository, digest);
        match Handle::current().block_on(labels) {
            Ok(origin) => origin.commit,
            Err(error) => {
                tracing::warn!("the labels of {running} cannot be read: {error}");
                None
            }
        }
    }
}
