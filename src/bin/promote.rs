//! The program `promote`; `promote::cli` has all of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    promote::cli::main()
}
