//! The media types of manifests: OCI image specification 1.1 and Docker image manifest 2.2.

/// The kinds of manifest that a registry may serve for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MediaType {
    OciManifest,
    OciIndex,
    DockerManifest,
    DockerManifestList,
}

impl MediaType {
    /// Every accepted type, in the order of the header `Accept`.
    pub(crate) const ALL: [Self; 4] = [
        Self::OciIndex,
        Self::OciManifest,
        Self::DockerManifestList,
        Self::DockerManifest,
    ];

    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerManifestList => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    /// Finds the type by its name; parameters such as `; charset=utf-8` are ignored.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = text.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Tells whether the manifest lists other manifests.
    #[must_use]
    pub(crate) fn is_index(self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerManifestList)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_parameters() {
        let text = "application/vnd.oci.image.index.v1+json; charset=utf-8";
        assert_eq!(MediaType::parse(text), Some(MediaType::OciIndex));
        assert!(MediaType::OciIndex.is_index());
        assert_eq!(MediaType::parse("text/html"), None);
    }
}
