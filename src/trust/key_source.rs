//! Loads public keys from a file, a PEM text, a variable, a Kubernetes Secret or a URL.

use std::{fs, io::Read as _, path::Path};

use super::{Error, TrustedKey, fetch, limits};
use crate::{
    env::Env,
    http::{Http, Url},
    kube::Kube,
};

/// The entry of a Secret with the public key.
const SECRET_ENTRY: &str = "cosign.pub";

impl TrustedKey {
    /// Loads the key of a reference: `k8s://[NAMESPACE/]SECRET`, `env://VARIABLE`, `https://…`, a PEM
    /// text, else the path of a file.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Key`], [`Error::Remote`], [`Error::Kube`].
    pub(crate) async fn load(reference: &str, env: &Env, http: &Http) -> Result<Self, Error> {
        if reference.contains("-----BEGIN ") {
            return Self::from_pem(reference, "the given text");
        }
        let Some((scheme, rest)) = reference.split_once("://") else {
            let bytes = read_file(Path::new(reference)).map_err(|error| match error {
                Error::Root { origin, reason } => Error::Key { origin, reason },
                Error::Missing { origin } => Error::Missing {
                    origin: format!("the public key {origin}"),
                },
                error => error,
            })?;
            return Self::from_bytes(&bytes, reference);
        };
        let missing = || Error::Missing {
            origin: reference.to_owned(),
        };
        match scheme {
            "env" => {
                let missing = || Error::Missing {
                    origin: format!("the variable {rest} of {reference}"),
                };
                Self::from_pem(env.get(rest).ok_or_else(missing)?, reference)
            }
            "k8s" => {
                let kube = Kube::open(env)?;
                let (namespace, name) = rest.split_once('/').unwrap_or((kube.namespace(), rest));
                Self::of_secret(&kube, namespace, name, reference).await
            }
            "https" | "http" => {
                let url = Url::parse(reference);
                let url = url.map_err(|error| unusable(reference, &error.to_string()))?;
                let authority = crate::http::authority(&url);
                if url.scheme() != "https" && url.scheme() != http.scheme(&authority) {
                    return Err(unusable(reference, "keys are fetched only over https://"));
                }
                let bytes = fetch::get_following(http, &url, limits::TRUST_FILE).await?;
                Self::from_bytes(&bytes.ok_or_else(missing)?, reference)
            }
            _ => Err(unusable(
                reference,
                "expected a file, a PEM text, k8s://, env:// or https://",
            )),
        }
    }

    /// Loads the key from a Secret of the cluster.
    ///
    /// # Errors
    /// [`Error::Kube`], [`Error::Missing`], [`Error::Key`].
    pub(crate) async fn of_secret(
        kube: &Kube,
        namespace: &str,
        name: &str,
        origin: &str,
    ) -> Result<Self, Error> {
        let entry = kube.secret(namespace, name, SECRET_ENTRY).await?;
        let entry = entry.ok_or_else(|| Error::Missing {
            origin: format!("entry {SECRET_ENTRY} of {origin}"),
        })?;
        Self::from_bytes(&entry, origin)
    }

    fn from_bytes(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes);
        Self::from_pem(
            text.map_err(|error| unusable(origin, &error.to_string()))?,
            origin,
        )
    }
}

fn unusable(origin: &str, reason: &str) -> Error {
    Error::Key {
        origin: origin.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Reads a file up to [`limits::TRUST_FILE`] bytes.
///
/// # Errors
/// [`Error::Missing`] if it does not exist, else [`Error::Root`].
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let origin = path.display().to_string();
    let mut bytes = Vec::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(limits::TRUST_FILE + 1).read_to_end(&mut bytes));
    match read {
        Ok(size) if size as u64 <= limits::TRUST_FILE => Ok(bytes),
        Ok(_) => Err(Error::Root {
            origin,
            reason: format!("it is larger than {} bytes", limits::TRUST_FILE),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::Missing { origin })
        }
        Err(error) => Err(Error::Root {
            origin,
            reason: error.to_string(),
        }),
    }
}
