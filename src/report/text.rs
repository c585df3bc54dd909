//! The report for people: counts, components, then every result with its reason.

use std::fmt::Write as _;

use super::{Component, Report, Show};
use crate::policy::Finding;

const WIDTH: usize = 130;
const DOCS: &str = "For more information about policy issues, see the policy documentation: https://conforma.dev/docs/policy/";

/// A kind of result: how it is marked, in which colour.
#[derive(Clone, Copy)]
enum Mark {
    Violation,
    Warning,
    Success,
}

impl Mark {
    fn parts(self) -> (char, &'static str, u8) {
        match self {
            Self::Violation => ('✕', "Violation", 31),
            Self::Warning => ('›', "Warning", 33),
            Self::Success => ('✓', "Success", 32),
        }
    }
}

/// The text without the last newline.
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
                "Component: {}\nImageRef: {}",
                clean(&one.name),
                one.container_image
            ),
        ),
        many => components(&mut text, many),
    }
    for check in &report.skipped_checks {
        line(&mut text, format_args!("Skipped check: {check}"));
    }
    for component in report.components.iter() {
        if let Some(error) = &component.error {
            line(
                &mut text,
                format_args!("Error: {}: {}", clean(&component.name), clean(error)),
            );
        }
        for exception in &component.exceptions {
            line(
                &mut text,
                format_args!(
                    "Exception: {}: {}",
                    clean(&component.name),
                    clean(exception)
                ),
            );
        }
    }
    results(&mut text, report, show);
    if show.docs_link && (counts.violations > 0 || show.warnings && counts.warnings > 0) {
        line(&mut text, format_args!("{DOCS}"));
    }
    text
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

fn components(text: &mut String, many: &[Component]) {
    text.push_str("Components:\n");
    for component in many {
        let counts = component.counts();
        line(
            text,
            format_args!(
                "- Name: {}\n  ImageRef: {}\n  Violations: {}, Warnings: {}, Successes: {}\n",
                clean(&component.name),
                component.container_image,
                counts.violations,
                counts.warnings,
                counts.successes
            ),
        );
    }
}

fn results(text: &mut String, report: &Report, show: Show) {
    type Of = fn(&Component) -> &Vec<Finding>;
    let lists: [(Mark, bool, Of); 3] = [
        (Mark::Violation, true, |component| &component.violations),
        (Mark::Warning, show.warnings, |component| {
            &component.warnings
        }),
        (Mark::Success, show.successes, |component| {
            &component.successes
        }),
    ];
    let mut headed = false;
    for (mark, _, of) in lists.into_iter().filter(|(_, shown, _)| *shown) {
        for component in &report.components {
            for finding in of(component) {
                if !headed {
                    text.push_str("\nResults:\n");
                    headed = true;
                }
                result(text, mark, component, finding, show);
            }
        }
    }
}

fn result(text: &mut String, mark: Mark, component: &Component, finding: &Finding, show: Show) {
    let (sign, name, color) = mark.parts();
    let head = format!("{sign} [{name}]");
    let head = match (show.color, finding.code()) {
        (false, Some(code)) => format!("{head} {}", clean(code)),
        (false, None) => head,
        (true, code) => format!(
            "\x1b[{color}m{head} {}\x1b[0m",
            clean(code.unwrap_or_default())
        ),
    };
    line(
        text,
        format_args!("{head}\n  ImageRef: {}", component.container_image),
    );
    let is_success = matches!(mark, Mark::Success);
    if !is_success {
        paragraph(text, "Reason", &finding.msg);
    }
    match finding.terms().as_slice() {
        [] => {}
        [one] => line(text, format_args!("  Term: {}", clean(one))),
        many => line(text, format_args!("  Terms: {}", clean(&many.join(", ")))),
    }
    if show.info {
        for (member, label) in [
            ("title", "Title"),
            ("description", "Description"),
            ("solution", "Solution"),
        ] {
            match finding.text(member) {
                Some(content) if !(is_success && member == "solution") => {
                    paragraph(text, label, content);
                }
                _ => {}
            }
        }
    }
    text.push('\n');
}

/// `Label: text`, wrapped; what a signed document says cannot steer the terminal.
fn paragraph(text: &mut String, label: &str, content: &str) {
    let mut current = format!("  {label}:");
    for word in clean(content).split(' ') {
        if current.chars().count() + 1 + word.chars().count() > WIDTH && !current.trim().is_empty()
        {
            line(text, format_args!("{current}"));
            current = format!("  {word}");
        } else {
            current.push(' ');
            current.push_str(word);
        }
    }
    line(text, format_args!("{current}"));
}

fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' | '\r' => ' ',
            c if c.is_control() => '�',
            c => c,
        })
        .collect()
}
