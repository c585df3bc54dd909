//! Patches and components that Argo CD and Flux build on top of an overlay.

use super::Setting;
use crate::gitops::{
    TargetComponent,
    error::Position,
    graph::value::Value,
    tree::{Tree, joined},
};

/// The overlay on which patches are built.
pub(super) struct Patches<'a, 't> {
    pub(super) tree: &'a Tree<'t>,
    pub(super) component: &'a TargetComponent,
    /// The directory that their paths begin at.
    pub(super) dir: &'a str,
}

impl Patches<'_, '_> {
    /// The patches that set an image of the component. Patches that may set it, and components, are warnings.
    pub(super) fn check(
        &self,
        options: &Value,
        base: &str,
        file: &str,
        warnings: &mut Vec<String>,
    ) -> Vec<Setting> {
        let mut found = Vec::new();
        let patches = options.items_at(&["patches"]);
        for (index, item) in patches.iter().enumerate() {
            let path = format!("{base}patches[{index}]");
            let at = item.position(file);
            let Some(text) = self.text(item) else {
                warnings.push(format!(
                    "{at}: {path} cannot be read, and an image that it sets would win"
                ));
                continue;
            };
            if !text.contains("image") {
                continue;
            }
            match self.is_ours(&text) {
                true => found.push(setting(at, file, path)),
                false => warnings.push(format!(
                    "{at}: {path} sets an image, and would win if that is the one of {}",
                    self.component.name
                )),
            }
        }
        let components = options.items_at(&["components"]);
        for item in components {
            warnings.push(format!(
                "{}: {base}components adds {}, and an image that it sets would win",
                item.position(file),
                item.text().unwrap_or("a component")
            ));
        }
        found
    }

    /// The text of a patch, inline or in a file.
    fn text(&self, item: &Value) -> Option<String> {
        if let Some(inline) = item.get("patch") {
            return inline.text().map(str::to_owned);
        }
        let path = joined(self.dir, item.get("path")?.text()?)?;
        self.tree.text(&path).ok().flatten()
    }

    fn is_ours(&self, text: &str) -> bool {
        let repositories = &self.component.repositories;
        repositories
            .iter()
            .any(|known| text.contains(known.as_str()))
            || words(text).any(|word| word == self.component.name)
    }
}

/// The words of a text, as names of objects and containers are written.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))
}

fn setting(at: Position, file: &str, path: String) -> Setting {
    Setting {
        at,
        file: file.to_owned(),
        path,
        text: "an image of the component by a patch".to_owned(),
    }
}
