//! The two ends of a copy: `docker://REF`, `REF` or `oci:DIR[:TAG]`.

use crate::{
    failure::{Failure, Kind, OrFail as _},
    image::{Digest, Reference, Repository, Tag, is_transport},
    registry::Layout,
};

/// A place that images are read from or written to.
#[derive(Debug, Clone)]
pub(super) enum End {
    Repository(Repository),
    /// An image layout in a directory.
    Layout(Layout),
}

/// An end of a copy with the image there.
#[derive(Debug, Clone)]
pub(crate) struct CopyEndpoint {
    pub(super) text: String,
    pub(super) end: End,
    pub(super) tag: Option<Tag>,
    pub(super) digest: Option<Digest>,
}

/// Refuses a transport that other tools have.
///
/// # Errors
/// [`Kind::Usage`], naming it.
pub(super) fn check_transport(text: &str) -> Result<(), Failure> {
    let transport = text.split_once(':').map(|(transport, _)| transport);
    match transport.filter(|transport| *transport != "oci" && is_transport(transport)) {
        None => Ok(()),
        Some(transport) => Err(Failure::message(
            Kind::Usage,
            format!(
                "transport {transport:?} is not supported: expected docker://REF, REF or oci:DIR"
            ),
        )),
    }
}

impl CopyEndpoint {
    /// Parses the value of a flag.
    ///
    /// # Errors
    /// [`Kind::Usage`].
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        check_transport(text)?;
        let (end, tag, digest) = match text.strip_prefix("oci:") {
            Some(layout) => {
                let named = layout.rsplit_once(':');
                let named = named.filter(|(_, tag)| !tag.contains('/'));
                let (dir, tag) = named.map_or((layout, None), |(dir, tag)| (dir, Some(tag)));
                let tag = tag.map(str::parse).transpose().or_fail(Kind::Usage)?;
                if dir.is_empty() {
                    let message = format!("{text:?} names no directory");
                    return Err(Failure::message(Kind::Usage, message));
                }
                (End::Layout(Layout::new(dir.into())), tag, None)
            }
            None => {
                let bare = text.strip_prefix("docker://").unwrap_or(text);
                let reference: Reference = bare.parse().or_fail(Kind::Usage)?;
                (
                    End::Repository(reference.repository),
                    reference.tag,
                    reference.digest,
                )
            }
        };
        Ok(Self {
            text: text.to_owned(),
            end,
            tag,
            digest,
        })
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Repository(repository) => repository.fmt(f),
            Self::Layout(layout) => write!(f, "oci:{}", layout.path().display()),
        }
    }
}

impl End {
    /// Returns the repository; `None` for a layout.
    pub(super) fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Repository(repository) => Some(repository),
            Self::Layout(_) => None,
        }
    }
}
