//! Checks the headings against the command line.

use super::*;

#[test]
fn no_heading_swallows_the_options_of_the_next() {
    let command = crate::cli::command();
    for path in [
        "extract-tag",
        "gather-images",
        "plan-release",
        "verify-ec",
        "copy-image",
        "attest",
        "update-deployment",
        "run",
    ] {
        let sub = command.find_subcommand(path).unwrap();
        let own = sub.get_arguments().filter(|a| !a.is_positional());
        let own: Vec<_> = own.filter_map(|a| Some((a.get_long()?, a))).collect();
        let trusted = own
            .iter()
            .filter(|(_, argument)| argument.get_help_heading() == Some(TRUST));
        for (long, _) in trusted {
            assert!(SIGNERS.contains(long), "{path} --{long}");
        }
        for (heading, flags) in table(path) {
            for flag in *flags {
                let found = own.iter().find(|(long, _)| long == flag);
                let found = found.unwrap_or_else(|| panic!("{path} has no --{flag}"));
                assert_eq!(
                    found.1.get_help_heading(),
                    Some(*heading),
                    "{path} --{flag}"
                );
            }
        }
    }
}

/// Returns the headings of a command in the order of its help.
fn headings(path: &str) -> Vec<Option<String>> {
    let command = crate::cli::command();
    let sub = command.find_subcommand(path).unwrap();
    let own = sub.get_arguments().filter(|a| !a.is_global_set());
    let mut all: Vec<_> = own
        .map(|a| a.get_help_heading().map(str::to_owned))
        .collect();
    all.dedup();
    all
}

#[test]
fn headings_follow_the_table_and_weaker_checks_come_last() {
    for path in ["verify-ec", "copy-image", "update-deployment", "run"] {
        let found = headings(path);
        assert_eq!(
            found.last(),
            Some(&Some(WEAKER.to_owned())),
            "{path}: {found:?}"
        );
    }
    let expected = ["Event", "Destination tag", "Checks", "Output", WEAKER];
    let expected: Vec<_> = expected.map(|name| Some(name.to_owned())).to_vec();
    assert_eq!(headings("extract-tag"), expected);
}

#[test]
fn an_argument_without_a_flag_is_under_no_heading() {
    let command = crate::cli::command();
    for sub in command.get_subcommands() {
        let of_trust = sub
            .get_positionals()
            .find(|a| a.get_help_heading().is_some());
        assert!(of_trust.is_none(), "{}: {of_trust:?}", sub.get_name());
    }
}
