//! `ec validate policy`: the shape of a configuration, nothing else.

use super::{Context, Outcome};
use crate::{
    failure::{Failure, Kind},
    gate::fetcher,
    policy::locate,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy configuration: a file, a Git reference or inline text
    #[arg(long, short = 'p', value_name = "POLICY", required = true)]
    policy: String,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    match locate(&args.policy, &fetcher(&context.clients()), &context.env).await {
        Ok(_) => Ok(Outcome {
            stdout: b"Policy configuration conforms to the EnterpriseContractPolicy spec\n"
                .to_vec(),
            ..Outcome::default()
        }),
        Err(error) => {
            tracing::error!("{error}");
            Err(Failure::message(
                Kind::Usage,
                "policy configuration does not conform to the EnterpriseContractPolicy spec",
            ))
        }
    }
}
