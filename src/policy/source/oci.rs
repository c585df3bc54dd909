//! Fetches policy bundles from a registry: each layer is a file named by its title, or a directory packed
//! by `oras push` (as ORAS and conftest push them).

use std::collections::BTreeMap;

use super::{super::archive, Error, Fetched, MAX_BYTES, MAX_FILES, is_kept, texts, too_large};
use crate::{
    budget,
    image::{Reference, Repository, Tag},
    registry::{Content, Descriptor, ImageManifest, Registry, Version},
};

const TITLE: &str = "org.opencontainers.image.title";
/// The annotation of a layer that is a packed directory.
const UNPACK: &str = "io.deis.oras.content.unpack";
/// The media type of the blob of an artifact without content.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Endings of titles of archives and compressed files.
const PACKED: [&str; 7] = [".tar", ".tgz", ".zip", ".gz", ".zst", ".xz", ".bz2"];
const ARCHIVE: &str = "it is an archive without the annotation to unpack it: expected files or directories as `oras push` packs them";

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
    let files = files(registry, origin, repository, &image).await?;
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

/// Reads the layers with rules or data. Two different files at one path are refused: readers of the
/// bundle keep one of them, and not always the same.
async fn files(
    registry: &Registry,
    origin: &str,
    repository: &Repository,
    image: &ImageManifest,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut files = BTreeMap::new();
    let mut size = 0;
    for (layer, form) in kept_layers(origin, image)? {
        let bytes = registry.blob(repository, layer, MAX_BYTES as u64).await;
        let bytes = bytes.map_err(|source| Error::Registry {
            origin: origin.to_owned(),
            source,
        })?;
        let found = match form {
            Form::File(path) => vec![(path, bytes.to_vec())],
            Form::Directory(name) => unpacked(origin, layer, &name, &bytes)?,
        };
        for (path, bytes) in found {
            size += bytes.len();
            add(origin, layer, &mut files, path, bytes)?;
        }
        if size > MAX_BYTES {
            return Err(too_large(origin));
        }
    }
    Ok(files.into_iter().collect())
}

fn add(
    origin: &str,
    layer: &Descriptor,
    files: &mut BTreeMap<String, Vec<u8>>,
    path: String,
    bytes: Vec<u8>,
) -> Result<(), Error> {
    match files.get(&path) {
        Some(other) if *other != bytes => {
            let reason = format!("{path:?} is another file in an earlier layer");
            Err(refused(origin, layer, &reason))
        }
        _ => {
            files.insert(path, bytes);
            Ok(())
        }
    }
}

/// Returns the layers with rules or data and their forms, if the sum of their sizes is within the limit.
fn kept_layers<'l>(
    origin: &str,
    image: &'l ImageManifest,
) -> Result<Vec<(&'l Descriptor, Form)>, Error> {
    // ORAS copies the files of a subject, too.
    if let Some(subject) = &image.subject {
        return Err(refused(
            origin,
            subject,
            "it is the subject of the artifact, and its files are not read: push the policy without a subject",
        ));
    }
    let mut kept = Vec::new();
    // A configuration with a title is a file as well.
    let config = Some(&image.config).filter(|config| title(config).is_some());
    for layer in config.into_iter().chain(&image.layers) {
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

/// Returns the form of a layer; `None` for files that are not rules or data. A layer that would be
/// ignored although it may contain rules is refused.
fn form(origin: &str, layer: &Descriptor) -> Result<Option<Form>, Error> {
    let refuse = |reason: &str| Err(refused(origin, layer, reason));
    let is_directory = layer
        .annotations
        .get(UNPACK)
        .is_some_and(|unpack| unpack == "true");
    let Some(title) = title(layer) else {
        return match layer.media_type.as_str() {
            _ if is_directory => refuse("it is a directory without a usable title"),
            EMPTY => Ok(None),
            media_type if media_type.contains("tar") => refuse(ARCHIVE),
            _ => refuse("it has no title: expected the name of a file"),
        };
    };
    if is_directory {
        return match archive::clean(title) {
            Some(name) => Ok(Some(Form::Directory(name))),
            None => refuse("it is a directory without a usable title"),
        };
    }
    let lower = title.to_lowercase();
    if is_kept(title) {
        return match archive::clean(title) {
            Some(path) => Ok(Some(Form::File(path))),
            None => refuse("its title points outside of the bundle"),
        };
    }
    let packed = ["gzip", "zstd", "zip"];
    if PACKED.iter().any(|ending| lower.ends_with(ending))
        || packed.iter().any(|kind| layer.media_type.contains(kind))
    {
        return refuse(ARCHIVE);
    }
    if is_kept(&lower) || layer.media_type.contains("openpolicyagent") {
        return refuse("its title does not end in .rego, .json, .yaml or .yml, in lower case");
    }
    Ok(None)
}

/// Returns the title of a layer. ORAS takes an empty one for none.
fn title(layer: &Descriptor) -> Option<&str> {
    let title = layer.annotations.get(TITLE)?;
    Some(title.as_str()).filter(|title| !title.is_empty())
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
        let plain = "application/vnd.oci.image.layer.v1.tar";
        let rego = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego";
        for ignored in [
            find("text/markdown", &[(TITLE, "README.md")]),
            find(plain, &[(TITLE, "LICENSE")]),
            find(EMPTY, &[]),
        ] {
            assert_eq!(ignored.unwrap(), None);
        }
        for wrong in [
            find(rego, &[]),
            find("application/json", &[(TITLE, "")]),
            find(rego, &[(TITLE, "policy")]),
            find("x/y", &[(TITLE, "P.REGO")]),
            find("x/y", &[(TITLE, "P.TGZ")]),
            find("x/y", &[(TITLE, "p.rego.gz")]),
            find(tar, &[(TITLE, "policy")]),
            find(tar, &[(TITLE, "policy"), (UNPACK, "True")]),
            find(tar, &[(TITLE, "bundle.tar.gz")]),
            find(tar, &[]),
            find("rego", &[(TITLE, "../p.rego")]),
            find(tar, &[(UNPACK, "true")]),
        ] {
            assert!(matches!(wrong, Err(Error::Layer { .. })), "{wrong:?}");
        }
    }

    fn image(config: Descriptor, layers: Vec<Descriptor>) -> ImageManifest {
        ImageManifest {
            schema_version: 2,
            media_type: None,
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn a_titled_configuration_is_a_file_and_a_subject_is_refused() {
        let rule = layer("rego", &[(TITLE, "p.rego")]);
        let plain = image(layer("config", &[]), vec![rule.clone()]);
        assert_eq!(kept_layers("o", &plain).unwrap().len(), 1);
        let titled = image(layer("config", &[(TITLE, "q.rego")]), vec![rule.clone()]);
        let kept = kept_layers("o", &titled).unwrap();
        let forms = ["q.rego", "p.rego"].map(|path| Form::File(path.to_owned()));
        assert!(kept.into_iter().map(|(_, form)| form).eq(forms));
        let attached = ImageManifest {
            subject: Some(rule),
            ..plain
        };
        let refused = kept_layers("o", &attached);
        assert!(matches!(refused, Err(Error::Layer { .. })), "{refused:?}");
    }

    #[test]
    fn two_files_at_one_path_are_the_same_or_refused() {
        let layer = layer("rego", &[]);
        let mut files = BTreeMap::new();
        let mut put = |text: &[u8]| {
            let path = "p.rego".to_owned();
            add("o", &layer, &mut files, path, text.to_vec())
        };
        put(b"package p\n").unwrap();
        put(b"package p\n").unwrap();
        let other = put(b"package q\n");
        assert!(matches!(other, Err(Error::Layer { .. })), "{other:?}");
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
