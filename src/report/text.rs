//! The report for people: counts, components, then every result with its reason.

use std::fmt::Write as _;

use super::{Report, ReportedComponent, Show};
use crate::policy::RuleFinding;

const WIDTH: usize = 130;
const INDENT: &str = "  ";
pub(super) const DOCS: &str = "For more information about policy issues, see the policy documentation: https://conforma.dev/docs/policy/";

/// The mark and colour of a kind of result.
#[derive(Clone, Copy)]
pub(super) enum ResultMark {
    Violation,
    Warning,
    Success,
}

impl ResultMark {
    fn parts(self) -> (char, &'static str, u8) {
        match self {
            Self::Violation => ('✕', "Violation", 31),
            Self::Warning => ('›', "Warning", 33),
            Self::Success => ('✓', "Success", 32),
        }
    }
}

/// Returns the text without the last newline.
pub(super) fn render(report: &Report, show: Show) -> String {
    let counts = report.counts();
    let mut text = format!(
        "Success: {}\nResult: {}\nViolations: {}, Warnings: {}, Successes: {}\n",
        report.success,
        report.result(),
        counts.violations,
        counts.warnings,
        counts.successes
    );
    match report.components.as_slice() {
        [one] => line(
            &mut text,
            format_args!(
                "Component: {}\nImageRef: {}\n",
                one_line(&one.name),
                one_line(&one.container_image)
            ),
        ),
        [] => {}
        many => components(&mut text, many),
    }
    if !show.dialect.is_conforma() {
        notes(&mut text, report);
    }
    results(&mut text, report, show);
    if show.docs_link && (counts.violations > 0 || show.warnings && counts.warnings > 0) {
        line(&mut text, format_args!("{DOCS}"));
    }
    text
}

/// The beginning of upstream's sentence about an image that could not be judged.
const VALIDATING: &str = "error validating image ";

/// Writes notes that upstream's report does not have: skipped checks, exceptions, omitted children, errors.
fn notes(text: &mut String, report: &Report) {
    let start = text.len();
    for check in &report.skipped_checks {
        line(text, format_args!("Skipped check: {}", one_line(check)));
    }
    for component in &report.components {
        let name = one_line(&component.name);
        if let Some(error) = &component.error {
            // The rest of upstream's sentence repeats the image and the component.
            let of = format!(" of component {}: ", component.name);
            let cause = error
                .split_once(&of)
                .filter(|(start, _)| start.starts_with(VALIDATING));
            let cause = cause.map_or(error.as_str(), |(_, cause)| cause);
            line(text, format_args!("Error: {name}: {}", one_line(cause)));
        }
        for exception in &component.exceptions {
            let exception = one_line(exception);
            line(text, format_args!("Exception: {name}: {exception}"));
        }
        for unreadable in &component.unreadable {
            let unreadable = one_line(unreadable);
            line(text, format_args!("Not read: {name}: {unreadable}"));
        }
        for digest in &component.left_out {
            let digest = one_line(digest);
            line(
                text,
                format_args!("Left out of the index: {name}: {digest}, a builder's attestation"),
            );
        }
    }
    if text.len() > start {
        text.push('\n');
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

fn components(text: &mut String, many: &[ReportedComponent]) {
    text.push_str("\nComponents:\n");
    for component in many {
        let counts = component.counts();
        line(
            text,
            format_args!(
                "- Name: {}\n  ImageRef: {}\n  Violations: {}, Warnings: {}, Successes: {}\n",
                one_line(&component.name),
                one_line(&component.container_image),
                counts.violations,
                counts.warnings,
                counts.successes
            ),
        );
    }
}

fn results(text: &mut String, report: &Report, show: Show) {
    type Of = fn(&ReportedComponent) -> &Vec<RuleFinding>;
    let lists: [(ResultMark, bool, Of); 3] = [
        (ResultMark::Violation, true, |component| {
            &component.violations
        }),
        (ResultMark::Warning, show.warnings, |component| {
            &component.warnings
        }),
        (ResultMark::Success, show.successes, |component| {
            &component.successes
        }),
    ];
    let counts = report.counts();
    if counts.violations > 0
        || show.warnings && counts.warnings > 0
        || show.successes && counts.successes > 0
    {
        text.push_str("Results:\n");
    }
    for (mark, _, of) in lists.into_iter().filter(|(_, shown, _)| *shown) {
        for component in &report.components {
            for finding in of(component) {
                let place = ("ImageRef", component.container_image.as_str());
                result(text, mark, place, finding, show);
            }
        }
    }
}

/// Writes one result with the label and name of its subject.
pub(super) fn result(
    text: &mut String,
    mark: ResultMark,
    (label, place): (&str, &str),
    finding: &RuleFinding,
    show: Show,
) {
    let (sign, name, color) = mark.parts();
    let colored = |part: &str| match show.color {
        true => format!("\x1b[{color}m{part}\x1b[0m"),
        false => part.to_owned(),
    };
    let code = match finding.code() {
        Some(code) => format!(" {}", one_line(code)),
        None if show.dialect.is_conforma() => " %!s(<nil>)".to_owned(),
        None => String::new(),
    };
    line(
        text,
        format_args!(
            "{} {}\n  {label}: {}",
            colored(&sign.to_string()),
            colored(&format!("[{name}]{code}")),
            one_line(place)
        ),
    );
    let is_success = matches!(mark, ResultMark::Success);
    if !is_success && !finding.msg.is_empty() {
        paragraph(text, "Reason", &finding.msg);
    }
    terms(text, finding);
    if let Some(place) = &finding.location
        && !show.dialect.is_conforma()
    {
        paragraph(text, "Rule", &place.to_string());
    }
    if show.info {
        for (member, label) in [
            ("title", "Title"),
            ("description", "Description"),
            ("solution", "Solution"),
        ] {
            match finding.text(member) {
                Some(content) if !(content.is_empty() || is_success && member == "solution") => {
                    paragraph(text, label, content);
                }
                _ => {}
            }
        }
    }
    text.push('\n');
}

/// Writes the terms of a result; a list of one term is in the plural, as upstream has it.
fn terms(text: &mut String, finding: &RuleFinding) {
    let is_list = finding
        .metadata
        .get("term")
        .is_some_and(serde_json::Value::is_array);
    match finding.terms().as_slice() {
        [] => {}
        [one] if !is_list => paragraph(text, "Term", one),
        many => paragraph(text, "Terms", &many.join(", ")),
    }
}

/// Writes `Label: text`, wrapped and without terminal control characters.
fn paragraph(text: &mut String, label: &str, content: &str) {
    for part in clean(&format!("{label}: {content}")).split('\n') {
        wrapped(text, part);
    }
}

/// Breaks a line before a word that would exceed the width. Spaces between words are kept.
fn wrapped(text: &mut String, part: &str) {
    let width = WIDTH - INDENT.len();
    let mut current = String::new();
    let mut used = 0;
    let mut rest = part;
    while !rest.is_empty() {
        let word_at = rest.find(|c| c != ' ').unwrap_or(rest.len());
        let (spaces, from_word) = rest.split_at(word_at);
        let end = from_word.find(' ').unwrap_or(from_word.len());
        let (word, behind) = from_word.split_at(end);
        let length = word.chars().count();
        // A word longer than a line is not shorter on a line of its own.
        if used + spaces.len() + length.min(width - 1) > width {
            line(text, format_args!("{INDENT}{current}"));
            current.clear();
            used = 0;
        } else {
            current.push_str(spaces);
            used += spaces.len();
        }
        current.push_str(word);
        used += length;
        rest = behind;
    }
    line(text, format_args!("{INDENT}{current}"));
}

pub(super) fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

fn clean(text: &str) -> String {
    crate::text::lines(&text.replace(['\t', '\r'], " ")).into_owned()
}
