//! The value decides: an edit is made only on the image that was seen first, and an older image
//! replaces a newer one only when that is allowed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::runtime::Handle;

use super::{DeployRequest, Image, Release, images::Wanted};
use crate::{
    commands::Context,
    failure::{Failure, Kind},
    git::Git,
    image::Reference,
    lineage::{self, Order, Origin},
    registry::Registry,
};

/// Checks that are made before each edit is written. Cheap to clone.
#[derive(Clone)]
pub(super) struct Guard {
    git: Git,
    registry: Registry,
    allow_rollback: bool,
    release: Release,
    /// By component, the image that the first attempt saw.
    first: Arc<Mutex<Option<BTreeMap<String, String>>>>,
}

impl Guard {
    /// Prepares the checks for one deployment.
    pub(super) fn new(request: &DeployRequest, wanted: &Wanted, context: &Context) -> Self {
        Self {
            git: context.git.clone(),
            registry: context.registry.clone(),
            allow_rollback: request.allow_rollback,
            release: wanted.release.clone(),
            first: Arc::default(),
        }
    }

    /// Checks images that change, each with the one that it replaces; blocks. `head` is the URL
    /// and commit of the GitOps repository.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when another image was deployed since the first attempt,
    /// [`Kind::Refused`] for an older image.
    pub(super) fn check(
        &self,
        changed: &[(Image, String)],
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

    fn check_race(&self, changed: &[(Image, String)]) -> Result<(), Failure> {
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
                    "{name} was {seen} and is {previous} by now: another image was deployed meanwhile"
                );
                return Err(Failure::message(Kind::Conflict, text)
                    .hint("run again if this one is still to be deployed"));
            }
        }
        Ok(())
    }

    fn check_order(
        &self,
        image: &Image,
        previous: &str,
        head: Option<(&str, &str)>,
    ) -> Result<(), Failure> {
        let name = &image.name;
        // An empty value is replaced by anything.
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
        let version = |reference: &Reference| reference.tag.as_ref().map(ToString::to_string);
        let running = Origin {
            commit: self.running_commit(name, &old, head),
            version: version(&old),
            built: None,
        };
        let new = Origin {
            commit: self.release.commit.clone(),
            version: version(&image.reference),
            built: None,
        };
        match lineage::compare(&self.git, self.release.url.as_deref(), &running, &new) {
            Order::Newer => Ok(()),
            Order::Older(reason) => {
                let text = format!("{name} would go back to an older image: {reason}");
                Err(Failure::message(Kind::Refused, text)
                    .hint("--allow-rollback deploys it all the same"))
            }
            Order::Unknown(reason) => {
                tracing::warn!("{name} replaces {previous}, which cannot be ordered: {reason}");
                Ok(())
            }
        }
    }

    /// The source commit of the running image: the trailer of the commit that set it, else the
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
        let labels = Origin::of_image(&self.registry, &running.repository, digest);
        match Handle::current().block_on(labels) {
            Ok(origin) => origin.commit,
            Err(error) => {
                tracing::warn!("the labels of {running} cannot be read: {error}");
                None
            }
        }
    }
}
