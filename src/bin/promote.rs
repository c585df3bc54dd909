//! The program `promote`: runs `promote::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    promote::cli::main()
}
