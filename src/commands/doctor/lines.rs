//! The lines that `doctor` prints, and the exit code that follows from them.

use crate::{
    commands::Outcome,
    failure::{Failure, Kind},
    text,
};

/// The kinds of failures, the one that decides the exit code first.
const ORDER: [Kind; 6] = [
    Kind::Bug,
    Kind::Refused,
    Kind::Usage,
    Kind::NotFound,
    Kind::Conflict,
    Kind::Remote,
];

/// The hint for a host that did not answer: the check itself tells nothing about it.
const UNREACHED: &str = "check the address, the network and the proxy (promote help variables)";

#[derive(Debug, Default)]
pub(super) struct Lines {
    text: String,
    checks: usize,
    failed: Vec<(String, Kind)>,
}

impl Lines {
    /// Adds a check: its finding, or the reason of its failure; `advice` is for failures without a hint.
    pub(super) fn add(&mut self, name: &str, found: Result<String, Failure>, advice: &str) {
        self.checks += 1;
        match found {
            Ok(detail) => self.line("ok", name, &detail),
            Err(failure) => {
                self.line("failed", name, &failure.cause());
                let advice = match failure.kind() {
                    Kind::Remote => UNREACHED,
                    _ => advice,
                };
                let hint = failure.next().unwrap_or(advice);
                let hint = text::line(hint);
                self.text.push_str(&format!("        hint: {hint}\n"));
                self.failed.push((name.to_owned(), failure.kind()));
            }
        }
    }

    /// Names a check that cannot be made because of another one.
    pub(super) fn leave_out(&mut self, name: &str, reason: &str) {
        self.line("not checked", name, reason);
    }

    fn line(&mut self, state: &str, name: &str, detail: &str) {
        let detail = text::line(detail);
        self.text.push_str(&format!("{state:7} {name}: {detail}\n"));
    }

    /// Returns the lines, and a failure when a check failed.
    pub(super) fn outcome(self) -> Outcome {
        let rank = |kind: &Kind| ORDER.iter().position(|known| known == kind);
        let kinds = self.failed.iter().map(|(_, kind)| *kind);
        let failure = kinds.min_by_key(rank).map(|kind| {
            let names: Vec<_> = self.failed.iter().map(|(name, _)| name.as_str()).collect();
            let (failed, all) = (names.len(), self.checks);
            let names = names.join(", ");
            Failure::message(kind, format!("{failed} of {all} checks failed: {names}"))
                .hint("correct these first: nothing was changed")
        });
        Outcome {
            stdout: self.text.into_bytes(),
            failure,
            ..Outcome::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_to_do_and_a_refusal_decides_the_code() {
        let mut lines = Lines::default();
        lines.add("a", Ok("fine".to_owned()), "");
        let absent = Failure::message(Kind::NotFound, "no b\nthere");
        lines.add("b", Err(absent), "look at the name");
        let remote = Failure::message(Kind::Remote, "no answer");
        lines.add("d", Err(remote), "not shown");
        let refused = Failure::message(Kind::Refused, "moved").hint("push a new tag");
        lines.add("c", Err(refused), "not shown");
        let outcome = lines.outcome();
        let failure = outcome.failure.unwrap();
        assert_eq!(failure.kind(), Kind::Refused);
        assert!(failure.cause().starts_with("3 of 4 checks failed: b, d, c"));
        let text = String::from_utf8(outcome.stdout).unwrap();
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(text.contains("        hint: look at the name\n"), "{text}");
        assert!(text.contains("        hint: check the address,"), "{text}");
        assert!(
            text.contains("failed  c: moved\n        hint: push a new tag\n"),
            "{text}"
        );
    }
}
