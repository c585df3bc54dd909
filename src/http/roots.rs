//! Reads certificate authorities from files: those of a flag must be usable; those of the environment
//! are read as Go reads them, as its directories may hold other files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::CertificateDer;

use super::Error;
use crate::env::Env;

/// The largest file of certificates, in bytes.
const MAX_FILE: u64 = 16 << 20;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Reads the certificates of `SSL_CERT_FILE` and of the files in the directories of `SSL_CERT_DIR`. Files
/// that cannot be read and text that is not a certificate are skipped.
pub(super) fn of_environment(env: &Env) -> Vec<CertificateDer<'static>> {
    let file = env.get("SSL_CERT_FILE").map(PathBuf::from);
    let dirs = env.get("SSL_CERT_DIR").unwrap_or_default().split(':');
    let dirs = dirs.filter(|dir| !dir.is_empty());
    let files = dirs.flat_map(|dir| files_of(Path::new(dir)).unwrap_or_default());
    let mut found = Vec::new();
    for path in file.into_iter().chain(files) {
        match read(&path) {
            Ok(some) => found.extend(some),
            Err(error) => tracing::debug!("no certificates in {}: {error}", path.display()),
        }
    }
    found
}

/// Reads the certificates of a file, or of the files of a directory such as a mounted ConfigMap.
///
/// # Errors
/// [`Error::CaFile`] when it has none.
pub(super) fn of_flag(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |reason: String| Error::CaFile {
        path: path.to_owned(),
        reason,
    };
    let failed = |error: io::Error| wrong(error.to_string());
    let mut found = Vec::new();
    if path.is_dir() {
        for file in files_of(path).map_err(failed)? {
            found.extend(read(&file).map_err(failed)?);
        }
    } else {
        found = read(path).map_err(failed)?;
    }
    if found.is_empty() {
        return Err(wrong("it holds no PEM certificate".to_owned()));
    }
    Ok(found)
}

/// Parses the certificates of a PEM text.
///
/// # Errors
/// [`Error::Client`] when it has none.
pub(super) fn of_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = certificates(pem);
    match found.is_empty() {
        true => Err(Error::Client {
            reason: "the certificate authority is not a PEM certificate".to_owned(),
        }),
        false => Ok(found),
    }
}

fn files_of(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let size = fs::metadata(path)?.len();
    if size > MAX_FILE {
        return Err(io::Error::other(format!(
            "it has more than {MAX_FILE} bytes"
        )));
    }
    Ok(certificates(&fs::read(path)?))
}

/// Returns the blocks `CERTIFICATE`. A malformed one, or one of another kind, does not hide the others.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split(BEGIN).skip(1);
    let blocks = blocks.filter_map(|block| block.split_once(END));
    let decoded = blocks.filter_map(|(body, _)| {
        let body: String = body.split_whitespace().collect();
        STANDARD.decode(body).ok()
    });
    decoded.map(CertificateDer::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
    const OTHERS: &str = "readme\n-----BEGIN TRUSTED CERTIFICATE-----\nAQID\n-----END TRUSTED CERTIFICATE-----\n-----BEGIN X509 CRL-----\nAQID\n-----END X509 CRL-----\n-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";

    #[test]
    fn what_is_not_a_certificate_does_not_hide_the_others() {
        assert_eq!(certificates(OTHERS.as_bytes()).len(), 0);
        assert_eq!(
            certificates(format!("{OTHERS}{GOOD}{GOOD}").as_bytes()).len(),
            2
        );
    }

    #[test]
    fn directories_of_the_environment_may_hold_anything() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [("a.crt", GOOD), ("README", OTHERS), ("empty", "")] {
            fs::write(at(name), text).unwrap();
        }
        fs::create_dir(at("..data")).unwrap();
        let dirs = format!("/nowhere:{}", dir.path().display());
        let env = Env::from([
            ("SSL_CERT_DIR", dirs.as_str()),
            ("SSL_CERT_FILE", "/nowhere/x"),
        ]);
        assert_eq!(of_environment(&env).len(), 1);
    }

    #[test]
    fn a_flag_must_name_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert!(of_flag(dir.path()).is_err());
        fs::write(at("README"), OTHERS).unwrap();
        assert!(of_flag(dir.path()).is_err());
        assert!(of_flag(&at("README")).is_err());
        fs::write(at("ca.crt"), GOOD).unwrap();
        assert_eq!(of_flag(dir.path()).unwrap().len(), 1);
        assert!(of_flag(&at("nope")).is_err());
    }
}
