//! Settings of `promote.yaml` that weaken a check: they are printed at the start and recorded.

use super::config::RunConfig;

/// Flags that weaken a check when they are true.
const ALONE: [&str; 5] = [
    "ignore-rekor",
    "compat",
    "unverified",
    "overwrite-variable",
    "shared-base",
];
/// The beginnings of the names of flags that weaken a check when they are true.
const FAMILIES: [&str; 3] = ["insecure-", "allow-", "skip-"];
/// Flags that are safe with one value only.
const SAFE: [(&str, &str); 4] = [
    ("strict", "true"),
    ("filter-type", "include-exclude"),
    ("attached", "seen"),
    ("pin", "tag-and-digest"),
];

/// Returns the settings of the file that weaken a check and that the command line does not switch
/// off, each as `command.flag=value`.
pub(super) fn settings(config: &RunConfig, off: &[String]) -> Vec<String> {
    let all = config.settings();
    let in_force = all.filter(|(_, key, _)| !off.iter().any(|off| off == key));
    in_force
        .filter(|(_, key, value)| weakens(key, value))
        .map(|(step, key, value)| format!("{step}.{key}={value}"))
        .collect()
}

fn weakens(key: &str, value: &str) -> bool {
    if let Some((_, safe)) = SAFE.iter().find(|(name, _)| *name == key) {
        return value != *safe;
    }
    let named = ALONE.contains(&key) || FAMILIES.iter().any(|family| key.starts_with(family));
    named && value != "false"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_weakens_a_check() {
        for (key, value) in [
            ("ignore-rekor", "true"),
            ("strict", "false"),
            ("skip-att-sig-check", "true"),
            ("allow-empty", "true"),
            ("attached", "none"),
        ] {
            assert!(weakens(key, value), "{key}");
        }
        for (key, value) in [
            ("ignore-rekor", "false"),
            ("strict", "true"),
            ("policy", "true"),
        ] {
            assert!(!weakens(key, value), "{key}");
        }
    }
}
