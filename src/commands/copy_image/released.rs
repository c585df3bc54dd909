//! Copies to the repositories and tags of a release, several of which may be of one component.

use super::{AttachedChoice, CopyRequest, CopySource};
use crate::{
    commands::{Context, failures::handover_failure, files::unchecked},
    failure::{Failure, Kind},
    handover::{Copied, ReleaseFile, VerifiedFile},
    registry, text,
};

impl CopyRequest {
    /// Warns that evidence which is kept in another repository is not copied.
    pub(super) fn warn_of_other_evidence(&self, context: &Context) {
        if let (Some(elsewhere), None | Some(AttachedChoice::Seen | AttachedChoice::Accepted)) =
            (context.env.get("COSIGN_REPOSITORY"), self.attached)
        {
            tracing::warn!(
                "evidence in {} (COSIGN_REPOSITORY) is not copied: only what is attached in the source's repository is",
                text::line(elsewhere)
            );
        }
    }

    /// Reads what plan-release computed, which must be about the images of the verdict.
    pub(super) fn released(
        &self,
        verdict: Option<&VerifiedFile>,
        context: &Context,
    ) -> Result<(Option<ReleaseFile>, Option<String>), Failure> {
        let CopySource::Released { file, digest } = &self.source else {
            return Ok((None, None));
        };
        let path = context.path(file.as_deref(), "release.json");
        let bytes = context
            .read(&path)
            .map_err(|failure| failure.hint("run plan-release first"))?;
        let release = ReleaseFile::parse(&bytes, &path.display().to_string(), *digest);
        let release = release.map_err(handover_failure)?;
        let judged = verdict.map(|verdict| verdict.verified().images_digest);
        if judged.is_some_and(|judged| judged != release.images_digest) {
            let text = format!("{} is about other images than the verdict", path.display());
            return Err(Failure::message(Kind::Refused, text)
                .hint("verify the images.json that plan-release wrote with it"));
        }
        let unchecked = unchecked(*digest, "release.json", "--release-digest");
        Ok((Some(release), unchecked))
    }
}

impl Copied {
    /// Adds the transfers of one more copy of the component.
    pub(super) fn add(&mut self, done: &registry::CopyOutcome) {
        self.manifests += done.manifests;
        self.blobs += done.blobs;
        self.referrers += done.attached;
        self.bytes += done.bytes;
    }
}
