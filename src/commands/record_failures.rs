//! Converts errors of the record into failures, and reads the trust file of a flag.

use std::path::Path;

use super::{
    Context,
    failures::{kube_failure, registry_failure, trust_failure},
};
use crate::{
    failure::{Failure, Kind},
    record::{Error, TrustFile},
};

/// Converts an error of the record into a failure.
pub(crate) fn record_failure(error: Error) -> Failure {
    match error {
        Error::Registry(error) => registry_failure(error),
        Error::Trust(error) => trust_failure(error),
        Error::Kube(error) => kube_failure(error),
        Error::Missing { .. } => Failure::new(Kind::NotFound, error),
        Error::Key { .. } | Error::ImageSigner { .. } | Error::Layout { .. } => {
            Failure::new(Kind::Usage, error)
        }
        Error::Service { refused: true, .. } => Failure::new(Kind::Usage, error)
            .hint("the service refused the request: check its URL and the audience of the token"),
        Error::Service { .. } => Failure::new(Kind::Remote, error),
        Error::Document { .. } => Failure::new(Kind::Usage, error),
        Error::NotPromoted { .. } => Failure::new(Kind::Refused, error)
            .hint("promote the image with attest, or name its verifier in the trust file"),
    }
}

/// Reads the trust file that a flag names: a file, or its text with several lines.
///
/// # Errors
/// [`Kind::NotFound`] without the file, [`Kind::Usage`] for one that cannot be read.
pub(crate) fn trust_file(given: &str, context: &Context) -> Result<TrustFile, Failure> {
    let (bytes, origin) = match given.trim_start().contains('\n') {
        true => (given.as_bytes().to_vec(), "on the command line"),
        false => (context.read(Path::new(given))?, given),
    };
    TrustFile::parse(&bytes, origin).map_err(record_failure)
}
