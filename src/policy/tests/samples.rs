//! Evaluates Conforma's samples, which its acceptance tests use too.

use super::*;

/// Returns the checkout in `CONFORMA_POLICY`; without one the test is skipped.
fn checkout() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
    let checkout = std::env::var_os("CONFORMA_POLICY").map(PathBuf::from);
    if checkout.is_none() {
        #[expect(clippy::print_stderr, reason = "says that the comparison was skipped")]
        {
            eprintln!("skipped: CONFORMA_POLICY names no checkout");
        }
    }
    checkout
}

/// A scenario of the acceptance tests: sample, configuration and expectations.
#[derive(Debug, Default)]
struct Scenario {
    name: String,
    sample: String,
    config: String,
    at: Option<String>,
    expected: Vec<String>,
}

fn scenarios(feature: &str) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = Vec::new();
    let mut quoted = false;
    for line in feature.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("Scenario: ") {
            found.push(Scenario {
                name: name.to_owned(),
                ..Scenario::default()
            });
        }
        let Some(scenario) = found.last_mut() else {
            continue;
        };
        let parts: Vec<_> = line.split('"').collect();
        if line == "\"\"\"" {
            quoted = !quoted;
        } else if quoted {
            scenario.config.push_str(line);
        } else if line.contains("a sample policy input") {
            scenario.sample = parts[1].to_owned();
        } else if line.contains("an effective time") {
            scenario.at = Some(parts[1].to_owned());
        } else if line.contains("there should be") {
            scenario.expected.push(line.to_owned());
        }
    }
    found
}

impl Scenario {
    /// Tells whether the outcome meets an expectation of the scenario.
    fn holds(&self, sentence: &str, outcome: &PolicyOutcome) -> bool {
        let parts: Vec<_> = sentence.split('"').collect();
        let list = if sentence.contains("warnings") {
            &outcome.warnings
        } else {
            &outcome.violations
        };
        let quoted = |before: &str| {
            let at = parts.iter().position(|part| part.ends_with(before))?;
            let (given, after) = (parts.get(at + 1)?, parts.get(at + 2)?);
            Some((*given, *after))
        };
        // `with "X" package`, `with "X" code and "Y" term`, `with "X" collection`
        let wanted = quoted("with ");
        let term = quoted(" code and ").map(|(term, _)| term);
        let matching = list.iter().filter(|found| match wanted {
            None => true,
            Some((name, after)) if after.starts_with(" collection") => {
                found.list("collections").iter().any(|c| c == name)
            }
            Some((name, after)) if after.starts_with(" package") => {
                found.code().is_some_and(|code| code.starts_with(name))
            }
            Some((name, _)) => {
                found.code() == Some(name)
                    && term.is_none_or(|term| found.terms().iter().any(|t| t == term))
            }
        });
        let none = matching.count() == 0;
        none == sentence.contains("there should be no ")
    }
}

/// Facts that the golden sample's rules cannot find without the registry of its image.
const NEEDS_REGISTRY: [&str; 3] = [
    "base_image_registries.base_image_info_found",
    "cve.cve_results_found",
    "labels.optional_labels",
];

/// The versions in the manifests of the samples' tasks, as the scenarios describe them.
fn task_manifests() -> FunctionHost {
    let version =
        |version: &str| json!({"annotations": {"org.opencontainers.image.version": version}});
    FunctionHost::with_manifests(&[
        (
            "@sha256:8dcb64b7cd78a3ab1b2cb0e991860ba519aac5a4682b2e7f9f8f91ded1101e29",
            version("0.6"),
        ),
        (
            "@sha256:633a99fc16d0b05d32a9c08f792ac1ddaecabf6db5ac805856ac92970b63025b",
            version("0.5"),
        ),
    ])
}

#[tokio::test]
async fn conforma_samples_give_what_their_acceptance_tests_expect() {
    let Some(checkout) = checkout() else { return };
    let features = ["release", "sbom_proxy", "task"];
    let mut wrong = Vec::new();
    let mut count = 0;
    for feature in features {
        let path = checkout.join(format!("acceptance/features/{feature}.feature"));
        for scenario in scenarios(&fs::read_to_string(path).unwrap()) {
            count += 1;
            let config = scenario
                .config
                .replace("$GITROOT", checkout.to_str().unwrap());
            let input = sample(&checkout, &scenario.sample);
            let at = scenario.at.as_deref().unwrap_or(AT);
            let settings = Settings {
                host: task_manifests(),
                ..settings()
            };
            let mut outcome = said(&config, settings, at, input).await.unwrap();
            if scenario.sample == "golden-container" {
                let known = |found: &RuleFinding| {
                    found
                        .code()
                        .is_none_or(|code| !NEEDS_REGISTRY.contains(&code))
                };
                outcome.violations.retain(known);
                outcome.warnings.retain(known);
            }
            assert!(!scenario.expected.is_empty(), "{}", scenario.name);
            for sentence in &scenario.expected {
                if !scenario.holds(sentence, &outcome) {
                    let warnings = outcome.warnings.iter().filter_map(|found| found.code());
                    let found = (codes(&outcome), warnings.collect::<Vec<_>>());
                    wrong.push(format!("{}: {sentence}: {found:?}", scenario.name));
                }
            }
        }
    }
    assert_eq!(count, 14, "scenarios in {features:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sample(checkout: &Path, name: &str) -> Value {
    let folder = checkout.join("acceptance/samples");
    let names = [format!("{name}.json"), format!("policy-input-{name}.json")];
    let path = names
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists());
    serde_json::from_slice(&fs::read(path.unwrap()).unwrap()).unwrap()
}
