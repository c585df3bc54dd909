//! Fetches policy bundles from a registry: each layer is a file named by its title, or a directory packed
//! by `oras push` (as ORAS and conftest push them).

use super::{super::archive, Error, Fetched, MAX_BYTES, MAX_FILES, is_kept, texts, too_large};
use crate::{
    budget,
    image::{Reference, Tag},
    registry::{Content, Descriptor, Registry, Version},
};

const TITLE: &str = "org.opencontainers.image.title";
/// The annotation of a layer that is a packed directory.
const UNPACK: &str = "io.deis.oras.content.unpack";

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
    // The policy's configuration names this host, which is trusted, unlike the hosts in a Snapshot.
    registry.trust_hosts(repository.registry().parse());
    let manifest = registry
        .manifest(repository, &version)
        .await
        .map_err(failed)?;
    let manifest = manifest.ok_or_else(|| missing(format!("{version} of {repository}")))?;
    let Content::Image(image) = manifest.content().map_err(failed)? else {
        return Err(missing("an artifact that is not an index".to_owned()));
    };
    let mut files = Vec::new();
    for (layer, form) in kept_layers(origin, &image.layers)? {
        let bytes = registry.blob(repository, layer, MAX_BYTES as u64).await;
        let bytes = bytes.map_err(failed)?;
        match form {
            Form::File(path) => files.push((path, bytes.to_vec())),
            Form::Directory(name) => files.extend(unpacked(origin, layer, &name, &bytes)?),
        }
        let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        if size > MAX_BYTES {
            return Err(too_large(origin));
        }
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

/// Returns the layers with rules or data and their forms, if the sum of their sizes is within the limit.
fn kept_layers<'l>(
    origin: &str,
    layers: &'l [Descriptor],
) -> Result<Vec<(&'l Descriptor, Form)>, Error> {
    let mut kept = Vec::new();
    for layer in layers {
        kept.extend(form(origin, layer)?.map(|form| (layer, form)));
    }
    let sizes = kept.iter().map(|(layer, _)| layer.size);
    let total = sizes.fold(0, u64::saturating_add);
    if kept.len() > MAX_FILES || total > MAX_BYTES as u64 {
        return Err(too_large(origin));
    }
    budget::check(&origin, usize::try_from(total).unwrap_or(usize::MAX)).map_err(|exceeded| {
        Error::Registry {
            origin: origin.to_owned(),
            source: exceeded.into(),
        }
    })?;
    Ok(kept)
}

#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// The layer is the file with this path.
    File(String),
    /// The layer is an archive of the directory with this name.
    Directory(String),
}

/// Returns the form of a layer; `None` for files that are not rules or data. An archive that would be
/// ignored is refused, because the rules in it would be missing.
fn form(origin: &str, layer: &Descriptor) -> Result<Option<Form>, Error> {
    let title = layer.annotations.get(TITLE);
    let name = title.and_then(|title| archive::clean(title));
    let unpack = layer.annotations.get(UNPACK);
    if unpack.is_some_and(|unpack| unpack == "true") {
        return match name {
            Some(name) => Ok(Some(Form::Directory(name))),
            None => Err(refused(
                origin,
                layer,
                "it is a directory without a usable title",
            )),
        };
    }
    let packed = [
        ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", ".zip",
    ];
    let is_packed = match title {
        Some(title) => packed.iter().any(|ending| title.ends_with(ending)),
        None => layer.media_type.contains("tar"),
    };
    if is_packed {
        return Err(refused(
            origin,
            layer,
            "it is an archive without the annotation to unpack it: expected files or directories as `oras push` packs them",
        ));
    }
    if title.is_some_and(|title| is_kept(title)) {
        let path =
            name.ok_or_else(|| refused(origin, layer, "its title points outside of the bundle"))?;
        return Ok(Some(Form::File(path)));
    }
    Ok(None)
}

/// Returns the rules and data in a packed directory. Every name in it must start with the directory's.
fn unpacked(
    origin: &str,
    layer: &Descriptor,
    directory: &str,
    bytes: &[u8],
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let failed = |error: archive::Error| refused(origin, layer, &error.to_string());
    let files = archive::matching_files(bytes, &is_kept).map_err(failed)?;
    let start = match directory {
        "" => String::new(),
        directory => format!("{directory}/"),
    };
    if let Some(path) = files.keys().find(|path| !path.starts_with(&start)) {
        let reason = format!("{path:?} is outside of its directory {directory:?}");
        return Err(refused(origin, layer, &reason));
    }
    Ok(files.into_iter().collect())
}

fn refused(origin: &str, layer: &Descriptor, reason: &str) -> Error {
    Error::Layer {
        origin: origin.to_owned(),
        layer: layer.digest,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{image::Digest, policy::archive::tests::shapes};

    fn layer(media_type: &str, annotations: &[(&str, &str)]) -> Descriptor {
        let annotations = annotations.iter();
        let annotations =
            annotations.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Descriptor {
            media_type: media_type.to_owned(),
            digest: Digest::of(b"layer"),
            size: 1,
            annotations: annotations.collect(),
            artifact_type: None,
            platform: None,
            urls: Vec::new(),
        }
    }

    #[test]
    fn layers_are_files_directories_or_refused() {
        let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
        let find = |media_type: &str, annotations: &[(&str, &str)]| {
            form("oci::r.example/p", &layer(media_type, annotations))
        };
        let file = find("rego", &[(TITLE, "./policy/p.rego")]).unwrap();
        assert_eq!(file, Some(Form::File("policy/p.rego".to_owned())));
        let directory = find(tar, &[(TITLE, "policy"), (UNPACK, "true")]).unwrap();
        assert_eq!(directory, Some(Form::Directory("policy".to_owned())));
        assert_eq!(
            find("text/markdown", &[(TITLE, "README.md")]).unwrap(),
            None
        );
        for wrong in [
            find(tar, &[(TITLE, "bundle.tar.gz")]),
            find(tar, &[]),
            find("rego", &[(TITLE, "../p.rego")]),
            find(tar, &[(UNPACK, "true")]),
        ] {
            assert!(matches!(wrong, Err(Error::Layer { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn packed_directories_are_unpacked_within_their_name() {
        let rego = shapes::file("policy/a/p.rego", b"package p\n");
        let linked = shapes::link("policy/q.rego", "a/p.rego", b'2');
        let bytes = [&rego[..], &linked, &[0; 1024]].concat();
        let layer = layer("t", &[]);
        for packed in [bytes.clone(), shapes::gzip(&bytes), shapes::zstd(&bytes)] {
            let files = unpacked("o", &layer, "policy", &packed).unwrap();
            let paths: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, ["policy/a/p.rego", "policy/q.rego"]);
            assert!(files.iter().all(|(_, text)| text == b"package p\n"));
        }
        for wrong in [
            unpacked("o", &layer, "other", &bytes),
            unpacked("o", &layer, "policy", b"\xfd7zXZ\0"),
            unpacked("o", &layer, "policy", &bytes[..700]),
        ] {
            assert!(matches!(wrong, Err(Error::Layer { .. })), "{wrong:?}");
        }
    }
}
