//! Checks policy files as `opa check` does: `cargo run -p rego --example check -- FILE…`.

use std::{fs, io::Write as _, process::ExitCode};

use rego::{Errors, Options};

fn main() -> std::io::Result<ExitCode> {
    let mut errors = std::io::stderr().lock();
    let (mut modules, mut failed) = (Vec::new(), false);
    for file in std::env::args().skip(1) {
        match rego::parse(file.as_str(), fs::read_to_string(&file)?) {
            Ok(module) => modules.push(module),
            Err(Errors(list)) => {
                failed = true;
                for error in list {
                    writeln!(errors, "{error}")?;
                }
            }
        }
    }
    if !failed && let Err(list) = rego::compile(modules, &Options::default()) {
        failed = true;
        writeln!(errors, "{list}")?;
    }
    Ok(ExitCode::from(u8::from(failed)))
}
