//! Checks the file of `--authfile` at the start of a run, before a registry asks for credentials.

use std::path::Path;

use super::{AuthFile, Error, read};

/// The names of auth files in a directory that a Secret is mounted at.
pub(super) const SECRET_FILES: [&str; 2] = ["config.json", ".dockerconfigjson"];

/// Reads the file or directory of `--authfile`, and warns when it is not a file of credentials.
///
/// # Errors
/// [`Error::AuthFile`].
pub(crate) fn check_authfile(path: &Path) -> Result<(), Error> {
    let paths: Vec<_> = match path.is_dir() {
        true => SECRET_FILES.map(|name| path.join(name)).to_vec(),
        false => vec![path.to_owned()],
    };
    let files = paths.iter().map(|path| read(path));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let has_some = |file: &AuthFile| {
        let has_helper = !(file.cred_helpers.is_empty() && file.creds_store.is_empty());
        file.auths.is_some() || has_helper
    };
    if !files.iter().flatten().any(has_some) {
        tracing::warn!(
            "--authfile {} has no credentials: expected auths, credHelpers or credsStore",
            path.display()
        );
    }
    Ok(())
}
