//! The root of a GitLab that is installed below a path: `https://HOST/ROOT/GROUP/NAME` and
//! `https://HOST/GROUP/SUBGROUP/NAME` look the same, only the host can distinguish them.

use super::{Error, Forge, ForgeKind, api::Probe};

impl Forge {
    /// Finds the root below which the host's API answers. Only a self-managed GitLab with more than
    /// one name before the project's is probed, and no token is sent before the root is found.
    ///
    /// # Errors
    /// [`Error::Remote`] and [`Error::Busy`] for a host that does not answer.
    pub(crate) async fn located(mut self) -> Result<Self, Error> {
        let is_public = self.address.web.host_str() == Some("gitlab.com");
        if self.kind != ForgeKind::GitLab || is_public {
            return Ok(self);
        }
        for names in 0..self.address.names_before() {
            let Some(below) = self.address.below(names) else {
                break;
            };
            if self.api.probe(&format!("{}version", below.api)).await? == Probe::Speaks {
                self.api.rebase(&below);
                self.address = below;
                return Ok(self);
            }
        }
        // The later error of the API at the usual root has the reason.
        Ok(self)
    }
}
