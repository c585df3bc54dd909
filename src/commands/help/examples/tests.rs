//! Checks the examples against the command line.

use super::*;

/// Returns the arguments of a line, up to the parts that the shell reads.
fn words(line: &str) -> Vec<&str> {
    let words = line.split_whitespace();
    words.take_while(|word| *word != ">").collect()
}

fn check(command: &clap::Command, path: &str) {
    let has_below = command
        .get_subcommands()
        .any(|sub| sub.get_name() != "help");
    let lines = examples(path);
    assert!(has_below || !lines.is_empty(), "{path} has no example");
    for line in lines.iter().filter(|line| !line.starts_with('#')) {
        let given = words(line).into_iter().map(Into::into).collect();
        let given = crate::cli::arrange(given);
        let parsed = crate::cli::command().try_get_matches_from(given);
        let error = parsed.err().map(|error| error.to_string());
        assert_eq!(error, None, "{line}");
    }
    for sub in command.get_subcommands() {
        check(sub, format!("{path} {}", sub.get_name()).trim_start());
    }
}

#[test]
fn each_command_has_an_example_that_its_parser_takes() {
    let command = crate::cli::command();
    for sub in command.get_subcommands() {
        check(sub, sub.get_name());
    }
}
