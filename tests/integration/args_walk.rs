//! The way of the command line's values through `verify-ec`: from clap's struct to the typed request
//! in a few places, and never back.

use std::fs;

use regex::Regex;

use crate::docs::root;

/// The most places in which code has clap's struct of `verify-ec`.
const MOST: usize = 12;

/// Files that have no other `Args` than that of `verify-ec`.
const OWN: &str = "src/commands/verify_ec";

#[test]
fn the_arguments_of_verify_ec_become_a_request_in_a_dozen_places() {
    let value = Regex::new(r"\b(?:args|Args)\b").unwrap();
    let named = Regex::new(r"\bverify_ec::Args\b|\bVerifyEc\b|\bverify_ec::run\b").unwrap();
    let mut stays = Vec::new();
    for (file, code) in sources() {
        let pattern = if file.starts_with(OWN) {
            &value
        } else {
            &named
        };
        let product = code.split("#[cfg(test)]").next().unwrap_or_default();
        for (at, line) in product.lines().enumerate() {
            let line = line.trim();
            let declares = ["//", "#[", "mod ", "use ", "pub(crate) use ", "pub(in "];
            if !declares.iter().any(|start| line.starts_with(start)) && pattern.is_match(line) {
                stays.push(format!("{file}:{}: {line}", at + 1));
            }
        }
    }
    assert!((4..=MOST).contains(&stays.len()), "{}", stays.join("\n"));
    // Once the request is made, no file of the command goes back to the arguments.
    let edges = [
        "src/commands/verify_ec.rs",
        "src/commands/verify_ec/args.rs",
    ];
    let below =
        |stay: &&String| stay.starts_with(OWN) && !edges.iter().any(|edge| stay.starts_with(edge));
    assert_eq!(stays.iter().find(below), None);
}

#[test]
fn no_module_below_the_commands_has_arguments() {
    let value = Regex::new(r"\bArgs\b|\bclap::").unwrap();
    let edges = ["src/cli", "src/commands"];
    let below = sources().into_iter().filter(|(file, code)| {
        let product = code.split("#[cfg(test)]").next().unwrap_or_default();
        !edges.iter().any(|edge| file.starts_with(edge)) && value.is_match(product)
    });
    let names: Vec<_> = below.map(|(file, _)| file).collect();
    assert!(names.is_empty(), "{names:?}");
}

fn sources() -> Vec<(String, String)> {
    let mut open = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy();
            found.push((name.replace('\\', "/"), fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(found.len() > 100, "the sources were not found");
    found
}
