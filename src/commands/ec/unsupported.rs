//! Flags of upstream's without a counterpart here: they are declared, so that they are refused by name.

use super::Usage;

/// The flags of verification summaries, which are refused.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Vsa {
    /// Not supported: summaries are not written here
    #[arg(long, hide = true)]
    vsa: bool,
    /// Not supported: read with --vsa alone
    #[arg(long, value_name = "FORMAT", hide = true)]
    attestation_format: Option<String>,
    /// Not supported: read with --vsa alone
    #[arg(long, value_name = "KEY", hide = true)]
    vsa_signing_key: Option<String>,
    /// Not supported: read with --vsa alone
    #[arg(long, value_name = "KEY", hide = true)]
    vsa_public_key: Option<String>,
    /// Not supported: read with --vsa alone
    #[arg(long, value_name = "BACKEND", hide = true)]
    vsa_upload: Vec<String>,
    /// Not supported: read with --vsa alone
    #[arg(long, value_name = "DURATION", hide = true)]
    vsa_expiration: Option<String>,
    /// Not supported: read with --vsa alone
    #[arg(long, value_name = "DIR", hide = true)]
    attestation_output_dir: Option<String>,
}

impl Vsa {
    pub(super) fn check(&self) -> Result<(), Usage> {
        refuse_given([
            ("--vsa", self.vsa),
            ("--attestation-format", self.attestation_format.is_some()),
            ("--vsa-signing-key", self.vsa_signing_key.is_some()),
            ("--vsa-public-key", self.vsa_public_key.is_some()),
            ("--vsa-upload", !self.vsa_upload.is_empty()),
            ("--vsa-expiration", self.vsa_expiration.is_some()),
            (
                "--attestation-output-dir",
                self.attestation_output_dir.is_some(),
            ),
        ])
    }
}

fn refuse_given<const N: usize>(flags: [(&str, bool); N]) -> Result<(), Usage> {
    match flags.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(refuse(name)),
        None => Ok(()),
    }
}

/// Returns the refusal of a flag without a counterpart.
pub(super) fn refuse(flag: &str) -> Usage {
    Usage::Wrong(format!("{flag} is not supported by promote"))
}
