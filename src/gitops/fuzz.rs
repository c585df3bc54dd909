//! Entry points for `crate::fuzz`: each parses mutated bytes.

use std::collections::BTreeMap;

use super::{path, read, setter, splice, tree::Tree, yaml};

/// Reads a YAML file of a GitOps repository, and replaces one scalar of it.
pub(crate) fn editor(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(nodes) = yaml::parse("a.yaml", &text) {
        let _ = format!("{nodes:?}");
    }
    let _ = setter::marked("a.yaml", &text);
    let _ = path::parse(&text);
    let _ = splice::scalar(&text);
    let _ = splice::flow_scalar(&text);
}

/// Builds a directory with a kustomization, its base and a patch, in one input between lines `---file`.
pub(crate) fn kustomize(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split("---file\n");
    let mut files = BTreeMap::new();
    for name in [
        "overlays/prod/kustomization.yaml",
        "base/kustomization.yaml",
        "base/deployment.yaml",
    ] {
        if let Some(part) = parts.next() {
            files.insert(name.to_owned(), part.as_bytes().to_vec());
        }
    }
    let _ = read::deployed(&Tree::of(files), "overlays/prod");
}
