//! Declarations of builtins for strings, patterns, versions and units.

use super::types::{
    A, ARRAY, B, DELIMITERS, N, NAMED, NUMBERS, S, STRING_LIST, STRING_LISTS, STRING_MAP,
    STRING_OR_STRINGS, STRINGS,
};
use super::{Entry, elsewhere};
use crate::builtins::{glob, globs_match, regex, semver, sprintf, strings, units};
use crate::signature::Declaration;

pub(super) const ENTRIES: &[Entry] = &[
    (
        Declaration::new("concat", &[S, STRING_LIST], S),
        |_, operands| strings::concat(operands),
    ),
    (Declaration::new("contains", &[S, S], B), |_, operands| {
        strings::contains(operands)
    }),
    (Declaration::new("endswith", &[S, S], B), |_, operands| {
        strings::ends_with(operands)
    }),
    (Declaration::new("format_int", &[N, N], S), |_, operands| {
        strings::format_int(operands)
    }),
    (
        Declaration::new("glob.match", &[S, DELIMITERS, S], B),
        |_, operands| glob::matches(operands),
    ),
    (
        Declaration::new("glob.quote_meta", &[S], S),
        |_, operands| glob::quote_meta(operands),
    ),
    (Declaration::new("indexof", &[S, S], N), |_, operands| {
        strings::index_of(operands)
    }),
    (
        Declaration::new("indexof_n", &[S, S], NUMBERS),
        |_, operands| strings::index_of_n(operands),
    ),
    (Declaration::new("lower", &[S], S), |_, operands| {
        strings::lower(operands)
    }),
    (
        Declaration::new("re_match", &[S, S], B).deprecated(),
        |_, operands| regex::matches(operands),
    ),
    (
        Declaration::new("regex.find_all_string_submatch_n", &[S, S, N], STRING_LISTS),
        |_, operands| regex::find_all_string_submatch_n(operands),
    ),
    (
        Declaration::new("regex.find_n", &[S, S, N], STRINGS),
        |_, operands| regex::find_n(operands),
    ),
    (
        Declaration::new("regex.globs_match", &[S, S], B),
        |_, operands| globs_match::globs_match(operands),
    ),
    (
        Declaration::new("regex.is_valid", &[S], B),
        |_, operands| regex::is_valid(operands),
    ),
    (
        Declaration::new("regex.match", &[S, S], B),
        |_, operands| regex::matches(operands),
    ),
    (
        Declaration::new("regex.replace", &[S, S, S], S),
        |_, operands| regex::replace(operands),
    ),
    (
        Declaration::new("regex.split", &[S, S], STRINGS),
        |_, operands| regex::split(operands),
    ),
    (
        Declaration::new("regex.template_match", &[S, S, S, S], B),
        |_, operands| regex::template_match(operands),
    ),
    (Declaration::new("replace", &[S, S, S], S), |_, operands| {
        strings::replace(operands)
    }),
    (
        Declaration::new("semver.compare", &[S, S], N),
        |_, operands| semver::compare(operands),
    ),
    (
        Declaration::new("semver.is_valid", &[A], B),
        |_, operands| semver::is_valid(operands),
    ),
    (
        Declaration::new("split", &[S, S], STRINGS),
        |_, operands| strings::split(operands),
    ),
    (
        Declaration::new("sprintf", &[S, ARRAY], S),
        |_, operands| sprintf::sprintf(operands),
    ),
    (Declaration::new("startswith", &[S, S], B), |_, operands| {
        strings::starts_with(operands)
    }),
    (
        Declaration::new(
            "strings.any_prefix_match",
            &[STRING_OR_STRINGS, STRING_OR_STRINGS],
            B,
        ),
        |_, operands| strings::any_prefix_match(operands),
    ),
    (
        Declaration::new(
            "strings.any_suffix_match",
            &[STRING_OR_STRINGS, STRING_OR_STRINGS],
            B,
        ),
        |_, operands| strings::any_suffix_match(operands),
    ),
    (
        Declaration::new("strings.count", &[S, S], N),
        |_, operands| strings::count(operands),
    ),
    (
        Declaration::new("strings.render_template", &[S, NAMED], S),
        elsewhere,
    ),
    (
        Declaration::new("strings.replace_n", &[STRING_MAP, S], S),
        |_, operands| strings::replace_n(operands),
    ),
    (
        Declaration::new("strings.reverse", &[S], S),
        |_, operands| strings::reverse(operands),
    ),
    (
        Declaration::new("strings.split_n", &[S, S, N], STRINGS),
        |_, operands| strings::split_n(operands),
    ),
    (
        Declaration::new("substring", &[S, N, N], S),
        |_, operands| strings::substring(operands),
    ),
    (Declaration::new("trim", &[S, S], S), |_, operands| {
        strings::trim(operands)
    }),
    (Declaration::new("trim_left", &[S, S], S), |_, operands| {
        strings::trim_left(operands)
    }),
    (
        Declaration::new("trim_prefix", &[S, S], S),
        |_, operands| strings::trim_prefix(operands),
    ),
    (Declaration::new("trim_right", &[S, S], S), |_, operands| {
        strings::trim_right(operands)
    }),
    (Declaration::new("trim_space", &[S], S), |_, operands| {
        strings::trim_space(operands)
    }),
    (
        Declaration::new("trim_suffix", &[S, S], S),
        |_, operands| strings::trim_suffix(operands),
    ),
    (Declaration::new("units.parse", &[S], N), |_, operands| {
        units::parse(operands)
    }),
    (
        Declaration::new("units.parse_bytes", &[S], N),
        |_, operands| units::parse_bytes(operands),
    ),
    (Declaration::new("upper", &[S], S), |_, operands| {
        strings::upper(operands)
    }),
];
