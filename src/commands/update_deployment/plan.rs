//! The edits of all images in all environments, planned before any file is written.

use super::{DeployRequest, DeployedImage, EditedPlace};
use crate::{
    commands::failures::edit_failure,
    failure::{Failure, Kind},
    gitops::{self, ChangedFile, Tree, WrittenImage},
};

/// The edits of all images in all environments.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) files: Vec<ChangedFile>,
    /// Each changed image with its place; the first place's text before is its version before.
    pub(super) changed: Vec<(DeployedImage, String)>,
    /// Every place with the image, changed or not.
    pub(super) places: Vec<WrittenImage>,
    /// The component and the environment of each place.
    pub(super) owners: Vec<(String, String)>,
}

/// Finds the files that change, all of them before any is written.
pub(super) fn plan(
    request: &DeployRequest,
    images: &[DeployedImage],
    tree: &Tree<'_>,
) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    let one_place = [
        ("--path", request.path.is_some()),
        ("--helm-values", request.helm_values.is_some()),
    ];
    if let Some((flag, _)) = one_place
        .iter()
        .find(|(_, given)| *given && images.len() > 1)
    {
        let message = format!(
            "{flag} names one place, but there are {} images",
            images.len()
        );
        return Err(Failure::message(Kind::Usage, message)
            .hint("name one image by --image, or leave the flag out"));
    }
    for environment in &request.environments {
        for image in images {
            let edit = request.edit(image, environment, images.len() == 1);
            let done = gitops::update(tree, &edit).map_err(edit_failure)?;
            for warning in &done.warnings {
                tracing::warn!("{warning}");
            }
            let changed = done.places.iter().find(|place| place.old != place.new);
            if let Some(place) = changed {
                plan.changed.push((image.clone(), place.old.clone()));
            }
            let owner = (image.name.clone(), environment.clone());
            let owners = done.places.iter().map(|_| owner.clone());
            plan.owners.extend(owners);
            plan.places.extend(done.places);
        }
    }
    plan.files = tree.changes();
    Ok(plan)
}

impl Plan {
    /// Returns every place with its component.
    pub(super) fn edited(&self) -> Vec<EditedPlace> {
        let places = self.places.iter().zip(&self.owners);
        let edited = places.map(|(place, (component, environment))| EditedPlace {
            component: component.clone(),
            environment: environment.clone(),
            file: place.file.clone(),
            before: place.old.clone(),
            after: place.new.clone(),
        });
        edited.collect()
    }

    /// Returns one line for each place: file, path, the text before and after, the commit.
    pub(super) fn lines(&self, commit: &str) -> String {
        let one = |place: &WrittenImage| {
            let change = if place.old == place.new {
                format!("{} (unchanged)", one_line(&place.new))
            } else {
                format!("{} -> {}", one_line(&place.old), one_line(&place.new))
            };
            let line = format!("{} {} {change} {commit}", place.file, one_line(&place.path));
            format!("{}\n", line.trim_end())
        };
        self.places.iter().map(one).collect()
    }

    /// Returns a unified diff of every file; logs when nothing would change.
    pub(super) fn dry_run(&self) -> String {
        if self.files.is_empty() {
            tracing::info!("the images are deployed already: nothing would change");
        }
        self.diff()
    }

    /// Returns a unified diff of every file.
    fn diff(&self) -> String {
        let one = |changed: &ChangedFile| {
            let (before, after) = (
                String::from_utf8_lossy(&changed.before),
                String::from_utf8_lossy(&changed.after),
            );
            let path = &changed.path;
            similar::TextDiff::from_lines(&before, &after)
                .unified_diff()
                .header(&format!("a/{path}"), &format!("b/{path}"))
                .to_string()
        };
        self.files.iter().map(one).collect()
    }
}

/// Returns a text of a foreign file as one line; an empty one is quoted.
fn one_line(text: &str) -> String {
    if text.is_empty() || text.chars().any(char::is_control) {
        format!("{text:?}")
    } else {
        text.to_owned()
    }
}
