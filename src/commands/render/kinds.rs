//! Objects that the target cannot hold, and the namespace of all others.

use std::collections::BTreeSet;

use super::{Copy, RenderRequest, RenderTarget};
use crate::{
    commands::failures::edit_failure,
    failure::{Failure, Kind},
    gitops::{self, DirectoryKind, Tree},
};

/// The number of objects that a message names.
const SHOWN: usize = 10;

/// The kinds that are left out.
pub(super) struct Kinds {
    skipped: BTreeSet<String>,
}

impl Kinds {
    /// Checks the objects of a directory against the target.
    ///
    /// # Errors
    /// [`Kind::Usage`] for objects that the target cannot hold.
    pub(super) fn judge(
        request: &RenderRequest,
        tree: &Tree<'_>,
        dir: &str,
        layout: DirectoryKind,
    ) -> Result<Self, Failure> {
        let skipped: BTreeSet<String> = request.skip.iter().cloned().collect();
        if layout == DirectoryKind::Helm && !skipped.is_empty() {
            return Err(Failure::message(
                Kind::Usage,
                "--skip-kinds cannot take objects out of a chart, whose templates are not rendered here",
            )
            .hint("switch them off by a value of the chart"));
        }
        if request.target == RenderTarget::Cluster {
            return Ok(Self { skipped });
        }
        let found = gitops::unfit(tree, dir, layout).map_err(edit_failure)?;
        let unfit: Vec<_> = found
            .iter()
            .filter(|one| !request.allow.contains(&one.kind))
            .filter(|one| !skipped.iter().any(|kind| is_of(&one.object, kind)))
            .collect();
        if unfit.is_empty() {
            return Ok(Self { skipped });
        }
        let shown = unfit.iter().take(SHOWN);
        let shown: Vec<_> = shown
            .map(|one| format!("{}: {}: {}", one.at, one.object, one.reason))
            .collect();
        let more = match unfit.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let kinds: BTreeSet<_> = unfit.iter().map(|one| one.kind.as_str()).collect();
        let kinds: Vec<_> = kinds.into_iter().collect();
        let text = format!(
            "the target cannot hold {} objects: {}{more}",
            unfit.len(),
            shown.join("; ")
        );
        Err(Failure::message(Kind::Usage, text).hint(format!(
            "--skip-kinds KIND,… leaves them out; --allow-kinds {} keeps them; --target cluster refuses no kind",
            kinds.join(",")
        )))
    }

    /// Removes objects of the skipped kinds and sets the namespace.
    pub(super) fn apply(
        &self,
        request: &RenderRequest,
        layout: DirectoryKind,
        copy: &mut Copy,
    ) -> Result<(), Failure> {
        for kind in &self.skipped {
            tracing::warn!("objects of the kind {kind} are left out");
        }
        match layout {
            DirectoryKind::Kustomize => self.wrap(request, copy),
            DirectoryKind::Plain => self.plain(request, copy),
            DirectoryKind::Helm => {
                if let Some(namespace) = &request.namespace {
                    tracing::warn!("a chart is installed into {namespace} by helm --namespace");
                }
                Ok(())
            }
        }
    }

    /// Adds a kustomization at the top of the copy, so that the copy itself is one.
    fn wrap(&self, request: &RenderRequest, copy: &mut Copy) -> Result<(), Failure> {
        let changed = request.namespace.is_some() || !self.skipped.is_empty();
        if copy.dir.is_empty() {
            if !changed {
                return Ok(());
            }
            let name = copy.name.clone();
            copy.nest(&name);
        } else if ["kustomization.yaml", "kustomization.yml", "Kustomization"]
            .iter()
            .any(|name| copy.files.contains_key(*name))
        {
            copy.nest("source");
        }
        let mut text = "# Written by promote render.\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n".to_owned();
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        text.push_str(&format!("resources:\n- {}\n", quoted(&copy.dir)));
        if let Some(namespace) = &request.namespace {
            text.push_str(&format!("namespace: {namespace}\n"));
        }
        if !self.skipped.is_empty() {
            text.push_str("patches:\n");
        }
        for kind in &self.skipped {
            let kind = quoted(kind);
            text.push_str(&format!(
                "- target:\n    kind: {kind}\n  patch: |-\n    $patch: delete\n    kind: {kind}\n    metadata:\n      name: any\n"
            ));
        }
        copy.files
            .insert("kustomization.yaml".to_owned(), text.into_bytes());
        Ok(())
    }

    /// Removes documents from files and rewrites the namespaces that they name.
    fn plain(&self, request: &RenderRequest, copy: &mut Copy) -> Result<(), Failure> {
        let skip: Vec<&str> = self.skipped.iter().map(String::as_str).collect();
        let tree = Tree::of(copy.files.clone());
        gitops::prepare(&tree, &copy.dir, &skip, request.namespace.as_deref())
            .map_err(edit_failure)?;
        for changed in tree.changes() {
            copy.files.insert(changed.path, changed.after);
        }
        Ok(())
    }
}

fn is_of(object: &str, kind: &str) -> bool {
    object.split('/').next() == Some(kind)
}
