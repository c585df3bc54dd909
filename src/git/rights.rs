//! Tests the right to push without pushing.

use super::{Error, Git, transport::TransportSession};

impl Git {
    /// Requests the refs as a push does (`gitprotocol-http`, "git-receive-pack"): hosts
    /// refuse accounts without write access at this point. Branch rules only apply to a real push.
    ///
    /// # Errors
    /// Any [`Error`]; blocks.
    pub(crate) fn try_push(&self, url: &str) -> Result<(), Error> {
        let address = self.address(url)?;
        let _session = TransportSession::begin(self.clone());
        let connect = || {
            let mut remote = git2::Remote::create_detached(address.as_str())?;
            remote.connect(git2::Direction::Push)?;
            remote.disconnect()
        };
        connect().map_err(|error| Error::from_git(&address, &error))
    }
}
