//! Checks the headings against the command line.

use super::*;

#[test]
fn no_heading_swallows_the_options_of_the_next() {
    let command = crate::cli::command();
    for path in [
        "extract-tag",
        "gather-images",
        "verify-ec",
        "copy-image",
        "update-deployment",
        "run",
    ] {
        let sub = command.find_subcommand(path).unwrap();
        let own = sub.get_arguments().filter(|a| !a.is_positional());
        let own: Vec<_> = own.filter_map(|a| Some((a.get_long()?, a))).collect();
        let trusted = own
            .iter()
            .filter(|(_, argument)| argument.get_help_heading() == Some(SIGNERS.0));
        for (long, _) in trusted {
            assert!(SIGNERS.1.contains(long), "{path} --{long}");
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
