//! Policy bundles in a registry: each layer is a file named by its title (as ORAS and conftest push them).

use super::{Error, Fetched, MAX_BYTES, is_kept, texts};
use crate::{
    image::{Reference, Tag},
    registry::{Content, Registry, Version},
};

const TITLE: &str = "org.opencontainers.image.title";

/// Fetches an artifact; without a tag or digest the tag `latest`.
pub(super) async fn artifact(
    registry: &Registry,
    origin: &str,
    reference: &Reference,
) -> Result<Fetched, Error> {
    let failed = |source| Error::Registry {
        origin: origin.to_owned(),
        source,
    };
    let missing = |what: String| Error::Missing {
        origin: origin.to_owned(),
        what,
    };
    let tag = reference
        .tag
        .clone()
        .or_else(|| "latest".parse::<Tag>().ok());
    let version = match (reference.digest, tag) {
        (Some(digest), _) => Version::Digest(digest),
        (None, Some(tag)) => Version::Tag(tag),
        (None, None) => return Err(missing("the tag latest".to_owned())),
    };
    let repository = &reference.repository;
    let manifest = registry
        .manifest(repository, &version)
        .await
        .map_err(failed)?;
    let manifest = manifest.ok_or_else(|| missing(format!("{version} of {repository}")))?;
    let Content::Image(image) = manifest.content().map_err(failed)? else {
        return Err(missing("an artifact that is no index".to_owned()));
    };
    let mut files = Vec::new();
    for layer in &image.layers {
        let Some(title) = layer.annotations.get(TITLE).filter(|title| is_kept(title)) else {
            continue;
        };
        let bytes = registry.blob(repository, layer, MAX_BYTES as u64).await;
        let path = title.trim_start_matches(['.', '/']).to_owned();
        files.push((path, bytes.map_err(failed)?.to_vec()));
    }
    let tag = reference
        .tag
        .as_ref()
        .map(|tag| format!(":{tag}"))
        .unwrap_or_default();
    Ok(Fetched {
        pinned: format!("oci::{repository}{tag}@{}", manifest.digest),
        files: texts(origin, files)?,
    })
}
