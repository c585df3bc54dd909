//! Chooses the trusted root of a run: by the flags, else by cosign's environment variables, else the
//! cache of `trust init`, else the built-in root of the public instance.

use std::path::PathBuf;

use super::{
    Error, SigstoreRoot,
    key_source::read_file,
    root_from_files,
    tuf::{Start, Tuf},
};
use crate::{env::Env, http::Http};

/// cosign's variables for the URL of a TUF repository and its first `root.json`.
const TUF_MIRROR: &str = "TUF_MIRROR";
const TUF_ROOT_JSON: &str = "TUF_ROOT_JSON";

/// The source of the trusted root by the flags.
#[derive(Debug, Clone)]
pub(crate) enum RootSource {
    /// A trusted root in a file.
    File(PathBuf),
    /// The built-in root of the public instance.
    PublicGood,
    /// The built-in root of the staging instance, only for tests of clients.
    Staging,
    Tuf(Start),
    Default,
}

impl RootSource {
    /// Loads the trusted root from the chosen source.
    ///
    /// # Errors
    /// Any [`Error`] of files, TUF or parsing.
    pub(crate) async fn load(&self, env: &Env, http: &Http) -> Result<SigstoreRoot, Error> {
        match self {
            Self::File(path) => SigstoreRoot::parse(&read_file(path)?, &path.display().to_string()),
            Self::PublicGood => SigstoreRoot::public_good(),
            Self::Staging => SigstoreRoot::staging(),
            Self::Tuf(start) => of_tuf(start, env, http).await,
            Self::Default => {
                if let Some(bytes) = root_from_files::of_env(env)? {
                    return SigstoreRoot::parse(&bytes, "the variables SIGSTORE_…");
                }
                if let Some(mirror) = env.of_sigstore(TUF_MIRROR) {
                    let start = Start {
                        mirror: mirror.to_owned(),
                        root: env.of_sigstore(TUF_ROOT_JSON).map(str::to_owned),
                        checksum: None,
                    };
                    return of_tuf(&start, env, http).await;
                }
                let cached = match Tuf::new(http.clone(), env) {
                    Ok(tuf) => tuf.cached().await?,
                    Err(_) => None,
                };
                match cached {
                    Some((mirror, bytes)) => SigstoreRoot::parse(&bytes, &mirror),
                    None => SigstoreRoot::public_good(),
                }
            }
        }
    }
}

async fn of_tuf(start: &Start, env: &Env, http: &Http) -> Result<SigstoreRoot, Error> {
    let tuf = Tuf::new(http.clone(), env)?;
    SigstoreRoot::parse(&tuf.initialize(start).await?, &start.mirror)
}
