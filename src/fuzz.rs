//! Mutation-driven fuzzing of every parser of external bytes.
//!
//! Each target starts from seeds (`fuzz/seeds/TARGET/`) and from earlier findings
//! (`fuzz/found/TARGET/`), which `cargo test` replays. A long run is started by hand:
//! `FUZZ_SECONDS=240 FUZZ_TARGETS=manifest cargo test --lib fuzz::long -- --ignored`. It writes a
//! case that panics, or takes more than five seconds of CPU time, to `fuzz/found/`.

mod mutate;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use mutate::Mutator;

use crate::{event::Event, git, gitops, image::Reference, policy, registry, snapshot, trust};

/// The limit of CPU time for one input, in a build without optimisation.
const SLOW: Duration = Duration::from_secs(5);
/// The largest input, in bytes.
const MAX_INPUT: usize = 64 << 10;

type Target = fn(&[u8]);

/// The targets with their names on the command line.
const TARGETS: [(&str, Target); 19] = [
    ("reference", reference),
    ("manifest", registry::fuzz::manifest),
    ("referrers", registry::fuzz::referrers),
    ("challenge", registry::fuzz::challenges),
    ("credentials", registry::fuzz::credentials),
    ("envelope", trust::fuzz::envelope),
    ("bundle", trust::fuzz::bundle),
    ("certificate", trust::fuzz::certificate),
    ("key", trust::fuzz::key),
    ("trusted-root", trust::fuzz::root),
    ("tuf", trust::fuzz::metadata),
    ("payload", trust::fuzz::payload),
    ("policy", policy_configuration),
    ("rego", policy::rego::fuzz::program),
    ("yaml-editor", gitops::fuzz::editor),
    ("kustomize", gitops::fuzz::kustomize),
    ("event", event),
    ("packets", git::fuzz::packets),
    ("layer", layer),
];

fn reference(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(reference) = text.parse::<Reference>() {
        // What is shown is read as the same.
        assert_eq!(reference.to_string().parse(), Ok(reference));
    }
}

fn policy_configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = policy::PolicySpec::parse(&text, "fuzz");
    let _ = snapshot::Images::parse(bytes, "fuzz");
}

fn event(bytes: &[u8]) {
    let _ = Event::parse(bytes);
}

fn layer(bytes: &[u8]) {
    let _ = policy::archive_of_any_files(bytes);
}

fn directory(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(kind)
        .join(target)
}

fn inputs(kind: &str, target: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(directory(kind, target)) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a target on one input; returns the failure.
fn feed(target: Target, input: &[u8]) -> Option<String> {
    let began = cpu_time();
    let fed = catch_unwind(AssertUnwindSafe(|| target(input)));
    let took = cpu_time().saturating_sub(began);
    match fed {
        Err(_) => Some("it panics".to_owned()),
        Ok(()) if took > SLOW => Some(format!("it takes {took:?}")),
        Ok(()) => None,
    }
}

#[test]
fn seeds_and_found_cases_are_read_without_a_panic() {
    for (name, target) in TARGETS {
        let seeds = inputs("seeds", name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for input in seeds.into_iter().chain(inputs("found", name)) {
            assert_eq!(feed(target, &input), None, "{name}");
        }
    }
}

/// A short run that tests the driver and tries new targets.
#[test]
fn mutated_seeds_are_read_without_a_panic() {
    for (name, target) in TARGETS {
        let seeds = inputs("seeds", name);
        let mut mutator = Mutator::new(seeds, 7);
        for _ in 0..50 {
            let input = mutator.next(MAX_INPUT);
            assert_eq!(feed(target, &input), None, "{name}: {input:?}");
        }
    }
}

#[test]
#[ignore = "runs for as long as FUZZ_SECONDS says"]
#[expect(clippy::print_stderr, reason = "a run by hand shows its progress")]
fn long() {
    let variable = |name: &str| {
        let found = std::env::vars().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value).unwrap_or_default()
    };
    let seconds: u64 = variable("FUZZ_SECONDS").parse().unwrap();
    let chosen = variable("FUZZ_TARGETS");
    let is_chosen = |name: &str| chosen.is_empty() || chosen.split(',').any(|one| one == name);
    let mut wrong = 0;
    for (name, target) in TARGETS.into_iter().filter(|(name, _)| is_chosen(name)) {
        let mut seeds = inputs("seeds", name);
        seeds.extend(inputs("found", name));
        let seed = u64::from(std::process::id());
        let mut mutator = Mutator::new(seeds, seed);
        let (began, mut runs) = (cpu_time(), 0u64);
        while cpu_time() < began + Duration::from_secs(seconds) {
            for _ in 0..64 {
                let input = mutator.next(MAX_INPUT);
                runs += 1;
                if let Some(reason) = feed(target, &input) {
                    wrong += 1;
                    let dir = directory("found", name);
                    fs::create_dir_all(&dir).unwrap();
                    let file = dir.join(format!("{seed}-{runs}"));
                    fs::write(&file, &input).unwrap();
                    eprintln!("{name}: {reason}: {}", file.display());
                }
            }
        }
        eprintln!("{name}: {runs} inputs in {seconds} CPU seconds");
    }
    assert_eq!(wrong, 0);
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}
