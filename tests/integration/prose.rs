//! Counts phrases that make the project's English hard to read. A file may only lose them, and a new
//! file starts without any.
//!
//! `tests/fixtures/prose.txt` has the number of each file. `UPDATE_PROSE=1` writes what fell, and
//! moves the number of a file that was renamed or split; it refuses a larger total and a file that
//! rose.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use crate::docs::root;

const FIXTURE: &str = "tests/fixtures/prose.txt";
/// Where text is read: Rust sources and pages.
const PLACES: [&str; 5] = ["src", "rego/src", "lab/src", "tests/integration", "docs"];
/// Pages beside them.
const PAGES: [&str; 2] = ["README.md", "CONTRIBUTING.md"];
/// Files without text of their own: a generated page, and the patterns themselves.
const LEFT_OUT: [&str; 2] = ["docs/cli.md", "tests/integration/prose.rs"];

/// A pattern and what to write in its place. The first is for the first line of a doc comment alone.
const PATTERNS: [(&str, &str); 10] = [
    (
        r"^(What|Whether|Who)\b",
        "start with a verb (Returns, Parses, Tells whether) or a noun phrase",
    ),
    (r"\b(?:is|are) no [a-z]+", "X is not a Y"),
    (r"\bstands\b", "is, is set, is written"),
    (
        r"\b(?:nobody|somebody)\b",
        "name the actor, or use the passive",
    ),
    (r"\basked for\b", "requested, expected"),
    (r"\bshall\b", "must, may, does"),
    (r"\bvouch\w*\b", "accept, verify, guarantee"),
    (
        r"\b(?:not count|counts (?:as|for|if|when|once|only)|(?:who|which|that|signatures?|key|it) counts?)\b",
        "is accepted",
    ),
    (r"\bgives\b", "returns, sets, has"),
    (
        r"\b(?:wants|hopes|knows)\b",
        "code requires, reads or has something",
    ),
];

/// A phrase that was found.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    phrase: String,
    instead: &'static str,
}

#[test]
fn prose_gets_better_and_never_worse() {
    let recorded = recorded();
    let found = found();
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
    let updates = std::env::var_os("UPDATE_PROSE").is_some();
    if updates {
        let counts = found.iter().map(|(path, all)| (path.clone(), all.len()));
        let next = update(&recorded, &counts.collect());
        let next = next.unwrap_or_else(|problem| panic!("{problem}"));
        let lines = next.iter().map(|(path, count)| format!("{count} {path}\n"));
        fs::write(root().join(FIXTURE), lines.collect::<String>()).unwrap();
        return;
    }
    let mut worse = Vec::new();
    for (path, findings) in &found {
        let allowed = recorded.get(path).copied().unwrap_or_default();
        if findings.len() > allowed {
            worse.push(format!(
                "{path}: {} phrases, allowed are {allowed}",
                findings.len()
            ));
            let lines = findings.iter().map(|finding| {
                let Finding {
                    line,
                    phrase,
                    instead,
                } = finding;
                format!("  {path}:{line}: {phrase:?}: {instead}")
            });
            worse.extend(lines);
        }
    }
    assert!(
        worse.is_empty(),
        "reword as many as there are too many (a renamed or split file: UPDATE_PROSE=1 cargo test --test integration prose):\n{}",
        worse.join("\n")
    );
}

/// The numbers to record: a file that is known may not rise, and the total may not either.
fn update(
    recorded: &BTreeMap<String, usize>,
    found: &BTreeMap<String, usize>,
) -> Result<BTreeMap<String, usize>, String> {
    for (path, count) in found {
        if let Some(before) = recorded.get(path).filter(|before| *before < count) {
            return Err(format!(
                "{path} rose from {before} to {count}: reword it instead"
            ));
        }
    }
    let (before, after) = (
        recorded.values().sum::<usize>(),
        found.values().sum::<usize>(),
    );
    if after > before {
        return Err(format!(
            "the total would rise from {before} to {after}: reword the new files"
        ));
    }
    let kept = found.iter().filter(|(_, count)| **count > 0);
    Ok(kept.map(|(path, count)| (path.clone(), *count)).collect())
}

fn recorded() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(root().join(FIXTURE)).unwrap();
    let entries = text.lines().map(|line| {
        let (count, path) = line.split_once(' ').unwrap();
        (path.to_owned(), count.parse().unwrap())
    });
    entries.collect()
}

/// The phrases of every file.
fn found() -> BTreeMap<String, Vec<Finding>> {
    let patterns = PATTERNS.map(|(pattern, instead)| (Regex::new(pattern).unwrap(), instead));
    let mut paths: BTreeSet<PathBuf> = PAGES.iter().map(|page| root().join(page)).collect();
    for place in PLACES {
        collect(&root().join(place), &mut paths);
    }
    let files = paths.into_iter().map(|path| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy();
        let text = fs::read_to_string(&path).unwrap();
        let is_rust = name.ends_with(".rs");
        (name.replace('\\', "/"), phrases(&text, is_rust, &patterns))
    });
    files
        .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
        .collect()
}

fn collect(directory: &Path, paths: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending {
            _ if path.is_dir() => collect(&path, paths),
            Some("rs" | "md") => _ = paths.insert(path),
            _ => {}
        }
    }
}

/// The phrases of a text: of a Rust source in comments and in literals of three words or more.
fn phrases(
    text: &str,
    is_rust: bool,
    patterns: &[(Regex, &'static str); PATTERNS.len()],
) -> Vec<Finding> {
    let literal = Regex::new(r#""((?:[^"\\]|\\.)*)""#).unwrap();
    let mut found = Vec::new();
    let mut before_is_doc = false;
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let doc = trimmed
            .strip_prefix("///")
            .or_else(|| trimmed.strip_prefix("//!"));
        let is_summary = doc.is_some() && !before_is_doc;
        before_is_doc = doc.is_some();
        let prose: Vec<&str> = match (is_rust, doc.or_else(|| trimmed.strip_prefix("//"))) {
            (false, _) => vec![line],
            (true, Some(comment)) => vec![comment.trim_start()],
            (true, None) => {
                let literals = literal.captures_iter(line);
                let texts = literals.filter_map(|found| Some(found.get(1)?.as_str()));
                texts
                    .filter(|text| text.split_whitespace().count() >= 3)
                    .collect()
            }
        };
        for (number, (pattern, instead)) in patterns.iter().enumerate() {
            if number == 0 && !is_summary {
                continue;
            }
            for text in &prose {
                let phrases = pattern.find_iter(text);
                let phrases =
                    phrases.filter(|phrase| !is_plain(text, phrase.start(), phrase.as_str()));
                found.extend(phrases.map(|phrase| Finding {
                    line: at + 1,
                    phrase: phrase.as_str().to_owned(),
                    instead,
                }));
            }
        }
    }
    found
}

/// "There is no X" and "is no longer" are plain.
fn is_plain(text: &str, start: usize, phrase: &str) -> bool {
    let before = text[..start].trim_end().to_ascii_lowercase();
    let is_no = phrase.starts_with("is no ") || phrase.starts_with("are no ");
    is_no && (before.ends_with("there") || phrase.ends_with(" longer") || phrase.ends_with(" more"))
}

#[test]
fn finds_phrases_in_comments_and_messages_alone() {
    let patterns = PATTERNS.map(|(pattern, instead)| (Regex::new(pattern).unwrap(), instead));
    let text = "/// What it holds.\n/// What follows.\nfn gives() {}\n// There is no key, this is no key.\nlet x = \"it gives a key\";\nlet y = \"gives\";\n";
    let found = phrases(text, true, &patterns);
    let found: Vec<_> = found
        .iter()
        .map(|finding| (finding.line, finding.phrase.as_str()))
        .collect();
    assert_eq!(found, [(1, "What"), (4, "is no key"), (5, "gives")]);
}

#[test]
fn an_update_moves_numbers_and_never_raises_them() {
    let counts = |list: &[(&str, usize)]| -> BTreeMap<String, usize> {
        list.iter()
            .map(|(path, count)| ((*path).to_owned(), *count))
            .collect()
    };
    let recorded = counts(&[("a", 3), ("b", 2)]);
    for (found, passes) in [
        (counts(&[("a", 1), ("b", 2)]), true),
        (counts(&[("a", 1), ("b", 2), ("c", 2)]), true),
        (counts(&[("moved", 5)]), true),
        (counts(&[("a", 4)]), false),
        (counts(&[("a", 3), ("b", 2), ("c", 1)]), false),
    ] {
        let next = update(&recorded, &found);
        assert_eq!(next.is_ok(), passes, "{found:?}: {next:?}");
    }
}
