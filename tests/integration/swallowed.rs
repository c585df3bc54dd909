//! Keeps discarded errors out of the code that decides: an error on a fact is never "absent".
//!
//! A use of `.ok()`, `unwrap_or_default()` or `continue` in `gate`, `policy` and `trust` needs a row
//! in the table with its reason. A row allows at most so many uses.

use std::{collections::BTreeMap, fs, path::Path};

use crate::docs::root;

const PATTERNS: [&str; 3] = [".ok()", "unwrap_or_default()", "continue"];
/// The modules that decide.
const MODULES: [&str; 3] = ["src/gate", "src/policy", "src/trust"];

/// Skips in a list, such as an element that was handled or is of no interest.
const LOOP: &str = "the loop passes over elements that were handled or that are not concerned";
/// A text or list that is optional in its format, and empty without it.
const OPTIONAL: &str = "the member is optional, and its absence is an empty text or list";
/// Only what people read.
const SHOWN: &str = "only a text for people or a report depends on it";

/// How many uses a file may have of each pattern, and why they discard no fact.
const ALLOWED: &[(&str, [usize; 3], &str)] = &[
    (
        "src/gate/attached.rs",
        [1, 1, 0],
        "the first part of a split is always there; 64 hexadecimal digits are a digest",
    ),
    ("src/gate/images.rs", [0, 0, 3], LOOP),
    (
        "src/gate/moment.rs",
        [1, 0, 0],
        "a build time that cannot be read leaves the time of the run, which is later",
    ),
    ("src/gate/policies.rs", [0, 3, 0], OPTIONAL),
    (
        "src/gate/replay.rs",
        [1, 2, 0],
        "a saved input is never a pass",
    ),
    (
        "src/gate/sigstore_builtins.rs",
        [1, 0, 0],
        "a text that is not a URL names no host, and is refused where it is used",
    ),
    (
        "src/policy/annotated.rs",
        [1, 0, 0],
        "an expression of our own",
    ),
    (
        "src/policy/archive/entries.rs",
        [0, 3, 1],
        "the range of a block was checked by its reader; a header without content or records is an empty one",
    ),
    (
        "src/policy/archive/header.rs",
        [3, 2, 0],
        "a number that is too large or negative is none, which the caller refuses; a short block has no field",
    ),
    ("src/policy/archive/mod.rs", [0, 1, 1], SHOWN),
    (
        "src/policy/archive/packed.rs",
        [0, 2, 0],
        "pieces are no longer than the buffer that they are read into",
    ),
    (
        "src/policy/archive/pax.rs",
        [5, 1, 0],
        "a record without length, text or size is none, and the caller refuses the header",
    ),
    ("src/policy/archive/tree.rs", [0, 2, 4], LOOP),
    (
        "src/policy/config.rs",
        [2, 0, 2],
        "a date in none of both forms is an error of the configuration, under upstream's habits a warning",
    ),
    (
        "src/policy/criteria.rs",
        [0, 2, 0],
        "a component without criteria of its own has none; a suffix without 64 digits is not one",
    ),
    ("src/policy/data.rs", [0, 0, 1], LOOP),
    ("src/policy/data/lines.rs", [1, 0, 2], SHOWN),
    ("src/policy/evaluate.rs", [0, 1, 1], LOOP),
    (
        "src/policy/finding.rs",
        [0, 2, 0],
        "results are sorted by code and term, and one without is sorted as empty",
    ),
    (
        "src/policy/policies.rs",
        [0, 1, 0],
        "rule data without pipelines names none, and rules for pipelines are left out then",
    ),
    (
        "src/policy/input.rs",
        [0, 1, 0],
        "a signature by a key has no certificate",
    ),
    ("src/policy/inspect.rs", [0, 6, 0], SHOWN),
    ("src/policy/local.rs", [0, 0, 1], LOOP),
    ("src/policy/locate.rs", [3, 1, 0], SHOWN),
    (
        "src/policy/outcome.rs",
        [1, 0, 4],
        "rules of other kinds have no results; a date that cannot be read is in force",
    ),
    ("src/policy/refers.rs", [0, 0, 2], LOOP),
    (
        "src/policy/refers/names.rs",
        [1, 0, 7],
        "an escape that is not a character is not in the name of a fact",
    ),
    ("src/policy/rego/check.rs", [0, 1, 1], LOOP),
    ("src/policy/rego/ec/oci.rs", [0, 1, 0], OPTIONAL),
    (
        "src/policy/rego/ec/purl.rs",
        [3, 0, 0],
        "a text that is not a package URL is false or undefined, as upstream",
    ),
    ("src/policy/rego/engine.rs", [0, 2, 0], SHOWN),
    ("src/policy/rego/files.rs", [0, 1, 1], LOOP),
    ("src/policy/rego/rules.rs", [0, 0, 1], LOOP),
    ("src/policy/shape.rs", [0, 1, 0], SHOWN),
    ("src/policy/source.rs", [0, 0, 1], LOOP),
    ("src/policy/source/tree.rs", [1, 1, 2], LOOP),
    (
        "src/policy/source/address.rs",
        [0, 3, 0],
        "the first part of a split is always there",
    ),
    (
        "src/policy/source/oci.rs",
        [1, 1, 1],
        "a layer without a name holds no file; the tag is optional",
    ),
    (
        "src/policy/syntax.rs",
        [2, 0, 0],
        "schemas of our own; without one every statement is refused",
    ),
    ("src/policy/unread.rs", [0, 0, 1], LOOP),
    (
        "src/policy/uri.rs",
        [1, 2, 0],
        "the URI is only recorded; a text without an address has none",
    ),
    (
        "src/trust/bundle.rs",
        [2, 2, 0],
        "a bundle whose claim cannot be read is a refused candidate for both kinds",
    ),
    (
        "src/trust/certificate.rs",
        [1, 1, 0],
        "an extension without a number is not one of the claims that are shown",
    ),
    (
        "src/trust/legacy.rs",
        [5, 2, 0],
        "without a trusted root or a readable chain no chain is shown; a candidate that cannot be read asks no log and is refused by its own check",
    ),
    (
        "src/trust/dsse.rs",
        [0, 1, 0],
        "the hint at a key may be missing or null",
    ),
    (
        "src/trust/key.rs",
        [2, 0, 0],
        "a digest of another length or a key without a curve fits no kind of key, which is refused",
    ),
    ("src/trust/bundle_by_key.rs", [0, 0, 1], LOOP),
    (
        "src/trust/rekor_v1.rs",
        [7, 2, 0],
        "base64 that cannot be read equals no expected bytes: the entry is about something else",
    ),
    (
        "src/trust/rekor_v2.rs",
        [1, 1, 0],
        "an unknown algorithm has an empty hash, which is refused before it is compared",
    ),
    (
        "src/trust/own_log.rs",
        [1, 0, 0],
        "a log ID that is not a hash is that of no trusted log",
    ),
    (
        "src/trust/pem.rs",
        [1, 0, 0],
        "a text with a broken block is not PEM at all",
    ),
    (
        "src/trust/rekor_lookup.rs",
        [1, 0, 0],
        "an entry that cannot be read proves nothing; without another one it is refused",
    ),
    ("src/trust/root.rs", [0, 1, 1], LOOP),
    (
        "src/trust/root_parts.rs",
        [0, 0, 1],
        "a root without the list trusts nothing of that kind",
    ),
    ("src/trust/sigstore.rs", [0, 2, 0], SHOWN),
    (
        "src/trust/simple_signing.rs",
        [0, 1, 0],
        "optional claims may be missing or null",
    ),
    (
        "src/trust/stand_in.rs",
        [0, 1, 0],
        "an entry without an envelope has the hash of nothing, which equals no envelope",
    ),
];

#[test]
fn errors_on_facts_are_not_discarded() {
    let allowed: BTreeMap<_, _> = ALLOWED
        .iter()
        .map(|(path, uses, _)| (*path, *uses))
        .collect();
    assert_eq!(allowed.len(), ALLOWED.len(), "a file has two rows");
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let may = allowed.get(path.as_str()).copied().unwrap_or_default();
        for (pattern, (found, may)) in PATTERNS.iter().zip(uses(&code).into_iter().zip(may)) {
            if found.len() > may {
                let lines: Vec<_> = found.iter().map(|line| format!("  {line}")).collect();
                wrong.push(format!(
                    "{path} has {} of {pattern:?}, the table allows {may}:\n{}",
                    found.len(),
                    lines.join("\n")
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "return the error or a `Seen::Unreadable`; if no fact is lost, raise the number in {} and say why there:\n{}",
        file!(),
        wrong.join("\n")
    );
}

#[test]
fn finds_what_discards_an_error() {
    let code = r"let a = read().ok()?;
// .ok()
let b = x.unwrap_or_default();
for x in y { continue; }
let discontinued = 1;
#[cfg(test)]
mod tests {
    a.ok();
}
";
    let found = uses(code).map(|lines| lines.len());
    assert_eq!(found, [1, 1, 1]);
}

/// The lines with each pattern, with their numbers; comments and unit tests are left out.
fn uses(code: &str) -> [Vec<String>; 3] {
    let product = code.split("#[cfg(test)]\nmod tests {").next();
    let lines: Vec<_> = product.unwrap_or_default().lines().enumerate().collect();
    PATTERNS.map(|pattern| {
        let lines = lines
            .iter()
            .filter(|(_, line)| !line.trim_start().starts_with("//"));
        lines
            .flat_map(|(at, line)| {
                let found = line.match_indices(pattern).filter(|(start, _)| {
                    let before = line[..*start].chars().next_back();
                    let after = line[start + pattern.len()..].chars().next();
                    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
                    pattern != "continue" || !is_word(before) && !is_word(after)
                });
                found.map(move |_| format!("{}: {}", at + 1, line.trim()))
            })
            .collect()
    })
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for module in MODULES {
        let file = root().join(format!("{module}.rs"));
        if file.exists() {
            found.push((format!("{module}.rs"), fs::read_to_string(file).unwrap()));
        }
        collect(&root().join(module), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn collect(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root()).unwrap();
            let name = name.to_string_lossy().replace('\\', "/");
            found.push((name, fs::read_to_string(path).unwrap()));
        }
    }
}
