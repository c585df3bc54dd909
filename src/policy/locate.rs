//! From the text of `--policy` to the configuration: inline, a file, a directory, a repository, a document.

use std::path::Path;

use super::{
    config::{self, FILES, Spec},
    source::{self, Address, Fetched, Fetcher},
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The text is no configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The source cannot be fetched.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The source holds neither a configuration nor policies.
    #[error("no suitable config file found at {origin}: expected policy.yaml or .rego files")]
    Nothing {
        /// The source, pinned.
        origin: String,
    },
}

/// Finds the configuration.
///
/// A directory or repository without one counts as one source with everything in it.
///
/// # Errors
/// Any [`Error`].
pub(crate) async fn locate(text: &str, fetcher: &Fetcher) -> Result<Spec, Error> {
    if let Some(document) = inline(text)? {
        return Ok(Spec::from_document(document, "--policy")?);
    }
    let path = text.strip_prefix("file::").unwrap_or(text);
    let path = path
        .strip_prefix("file:")
        .map_or(path, |path| path.trim_start_matches("//"));
    let fetched = match Path::new(path) {
        file if file.is_file() => return read(file),
        _ => fetcher.fetch(text).await?,
    };
    let found = FILES.iter().find_map(|name| fetched.file(name));
    // A document from a web server is named as the server names it.
    let only = fetched
        .files
        .first()
        .filter(|_| matches!(Address::parse(text), Ok(Address::Http(_))));
    match found.or(only) {
        Some(file) => {
            let origin = format!("{} in {}", file.path, fetched.pinned);
            Ok(Spec::parse(&file.text, &origin)?)
        }
        None => of_policies(text, &fetched),
    }
}

fn of_policies(text: &str, fetched: &Fetched) -> Result<Spec, Error> {
    if fetched.files.iter().any(|file| file.is_policy()) {
        return Ok(Spec::of_policy(text.to_owned()));
    }
    Err(Error::Nothing {
        origin: fetched.pinned.clone(),
    })
}

fn read(file: &Path) -> Result<Spec, Error> {
    let origin = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| source::Error::File {
        origin: origin.clone(),
        path: origin.clone(),
        source,
    })?;
    Ok(Spec::parse(&text, &origin)?)
}

/// A text with members is a configuration itself, whichever hosts it mentions.
fn inline(text: &str) -> Result<Option<serde_json::Value>, config::Error> {
    if text.trim_start().starts_with('{') {
        return config::document(text, "--policy").map(Some);
    }
    if !text.contains(": ") && !text.contains(":\n") {
        return Ok(None);
    }
    config::document(text, "--policy")
        .map(|document| Some(document).filter(serde_json::Value::is_object))
}
