//! `ec sigstore initialize`: the trust root by TUF, where later runs find it.

use super::{Context, Outcome};
use crate::{
    commands::failures::trust_failure,
    failure::Failure,
    trust::{SigstoreRoot, Start, Tuf},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The URL of the TUF repository
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://tuf-repo-cdn.sigstore.dev"
    )]
    mirror: String,
    /// The initial root.json of the TUF repository
    #[arg(long, value_name = "FILE|URL")]
    root: Option<String>,
    /// The SHA-256 that root.json must have; Conforma accepts this option without a check
    #[arg(long, value_name = "HEX")]
    root_checksum: Option<String>,
    /// Not supported: name a staging instance by --mirror
    #[arg(long, hide = true)]
    staging: bool,
}

/// Runs the command; a success prints nothing.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if args.staging {
        return Err(super::unsupported::refuse("--staging").into());
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let start = Start {
        mirror: args.mirror,
        root: given(args.root),
        checksum: given(args.root_checksum),
    };
    let tuf = Tuf::new(context.http.clone(), &context.env).map_err(trust_failure)?;
    let found = tuf.initialize(&start).await.map_err(trust_failure)?;
    SigstoreRoot::parse(&found, &start.mirror).map_err(trust_failure)?;
    Ok(Outcome::default())
}
