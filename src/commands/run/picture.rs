//! The lines by which a run shows its steps: number, name, time and result of each.

use std::time::Instant;

use crate::{failure::Failure, handover::Promoted, image::Digest, tekton::Results, text};

/// The number of steps in a run.
const STEPS: usize = 5;
/// The width of the longest name of a step.
const NAME_WIDTH: usize = 17;
/// The number of hex digits of a digest in lines for people; files and results have all of them.
const SHORT: usize = 12;

/// Prints a line for each step when it has ended.
pub(super) struct Picture {
    ended: usize,
    started: Instant,
}

impl Picture {
    /// Starts the clock of the first step.
    pub(super) fn new() -> Self {
        Self {
            ended: 0,
            started: Instant::now(),
        }
    }

    /// Shows how a step ended, and passes its result on with the step's name in an error.
    pub(super) fn ended<T>(
        &mut self,
        name: &'static str,
        result: Result<T, Failure>,
        told: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        match result {
            Ok(done) => {
                self.passed(name, &told(&done));
                Ok(done)
            }
            Err(failure) => {
                self.line('✗', name, "");
                Err(failure.context(name))
            }
        }
    }

    /// Shows that a step succeeded.
    pub(super) fn passed(&mut self, name: &str, told: &str) {
        self.line('✓', name, told);
    }

    /// Shows that a step refused an image.
    pub(super) fn refused(&mut self, name: &str, told: &str) {
        self.line('✗', name, told);
    }

    fn line(&mut self, mark: char, name: &str, told: &str) {
        self.ended += 1;
        let (at, seconds) = (self.ended, self.started.elapsed().as_secs_f32());
        let told = text::line(told);
        let line = format!("{mark} {at}/{STEPS} {name:<NAME_WIDTH$} {seconds:5.1} s  {told}");
        tracing::info!("{}", line.trim_end());
        self.started = Instant::now();
    }
}

/// Returns the first digits of a digest.
pub(super) fn short(digest: Digest) -> String {
    let text = digest.to_string();
    let hex = text.split_once(':').map_or(text.as_str(), |(_, hex)| hex);
    hex.chars().take(SHORT).collect()
}

/// Returns the counts of a judgement, as `TEST_OUTPUT` has them.
pub(super) fn counts_of(results: &Results) -> String {
    let parsed = results.get("TEST_OUTPUT").map(serde_json::from_str);
    // For display alone: the verdict does not rest on this value.
    let Some(Ok(serde_json::Value::Object(counts))) = parsed else {
        return String::new();
    };
    let count = |name: &str, noun: &str| {
        let number = counts.get(name)?.as_u64()?;
        let plural = if number == 1 { "" } else { "s" };
        Some(format!("{number} {noun}{plural}"))
    };
    let shown = [
        count("successes", "check").map(|text| format!("{text} passed")),
        count("failures", "violation").filter(|text| !text.starts_with("0 ")),
        count("warnings", "warning").filter(|text| !text.starts_with("0 ")),
    ];
    shown.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns the tags that the images have now, and how much of each was sent.
pub(super) fn copied(promoted: &Promoted) -> String {
    let places = promoted.components.iter().flat_map(|component| {
        let tags = component.destinations.iter();
        tags.map(|tag| format!("{tag} is {}", short(component.digest)))
    });
    places.collect::<Vec<_>>().join(", ")
}
