//! Parses flags in ways that clap alone does not.

use std::collections::BTreeSet;

use clap::{ArgAction, builder::ValueParser};

/// Lets every boolean flag of the command take `=true|false`.
pub(crate) fn booleans(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| match argument.get_action() {
        ArgAction::SetTrue => argument
            .action(ArgAction::Set)
            .value_parser(clap::value_parser!(bool))
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true),
        _ => argument,
    })
}

/// Returns the booleans that are false unless they are given, in every command that has them.
///
/// For them `=false` sets the default, so it is removed before clap would treat it as
/// given and report a conflict with another flag.
pub(crate) fn switches(command: &clap::Command) -> BTreeSet<&str> {
    let is_off = |argument: &clap::Arg| {
        let boolean = argument.get_value_parser().type_id() == ValueParser::bool().type_id();
        boolean && argument.get_default_values() == ["false"]
    };
    let arguments = all_arguments(command);
    let named = |off: bool| {
        let some = arguments
            .iter()
            .filter(move |argument| is_off(argument) == off);
        some.filter_map(|argument| argument.get_long())
            .collect::<BTreeSet<_>>()
    };
    named(true).difference(&named(false)).copied().collect()
}

fn all_arguments(command: &clap::Command) -> Vec<&clap::Arg> {
    let below = command.get_subcommands().flat_map(all_arguments);
    command.get_arguments().chain(below).collect()
}
