//! Loads signing keys from a file, or from a Secret as `cosign generate-key-pair k8s://…` creates it.

use std::{fs, io::Read as _, path::Path};

use super::{Error, StatementKey};
use crate::{env::Env, kube::Kube, text::without_newline};

/// The largest key file, in bytes.
const MAX_FILE: u64 = 64 << 10;
const KEY: &str = "cosign.key";
const PASSWORD: &str = "cosign.password";

impl StatementKey {
    /// Loads the key that a reference names: a file, or `k8s://[NAMESPACE/]SECRET`.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Key`], [`Error::Kube`].
    pub(crate) async fn load(
        reference: &str,
        password: Option<&Path>,
        env: &Env,
    ) -> Result<Self, Error> {
        let given = password.map(read_file).transpose()?;
        // The final newline that editors add is not part of the password.
        let given = given.as_deref().map(without_newline);
        match reference.split_once("://") {
            Some(("k8s", rest)) => of_secret(rest, given, env, reference).await,
            Some(_) => Err(Error::Key {
                origin: reference.to_owned(),
                reason: "expected a file or k8s://[NAMESPACE/]SECRET".to_owned(),
            }),
            None => Self::parse(&read_file(Path::new(reference))?, given, reference),
        }
    }
}

async fn of_secret(
    rest: &str,
    given: Option<&[u8]>,
    env: &Env,
    origin: &str,
) -> Result<StatementKey, Error> {
    let kube = Kube::open(env)?;
    let (namespace, name) = rest.split_once('/').unwrap_or((kube.namespace(), rest));
    let key = kube.secret(namespace, name, KEY).await?;
    let key = key.ok_or_else(|| Error::Missing {
        what: format!("entry {KEY} of {origin}"),
    })?;
    let stored = match given {
        Some(_) => None,
        None => kube.secret(namespace, name, PASSWORD).await?,
    };
    StatementKey::parse(&key, given.or(stored.as_deref()), origin)
}

/// Reads a file of at most [`MAX_FILE`] bytes.
///
/// # Errors
/// [`Error::Missing`], else [`Error::Key`].
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let origin = path.display().to_string();
    let mut bytes = Vec::new();
    let file = fs::File::open(path);
    let read = file.and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    match read {
        Ok(size) if size as u64 <= MAX_FILE => Ok(bytes),
        Ok(_) => Err(Error::Key {
            origin,
            reason: format!("it is larger than {MAX_FILE} bytes"),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::Missing { what: origin })
        }
        Err(error) => Err(Error::Key {
            origin,
            reason: error.to_string(),
        }),
    }
}
