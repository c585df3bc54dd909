//! The report as JUnit XML, for tools that show test results: a suite for each component.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Report, ReportedComponent, Show};
use crate::{policy::RuleFinding, text::is_unsafe};

/// Returns the document without a newline.
pub(super) fn render(report: &Report, show: Show) -> String {
    let suites: Vec<_> = report
        .components
        .iter()
        .map(|component| suite(report, component, show))
        .collect();
    let (tests, failures, skips) = suites.iter().fold((0, 0, 0), |sum, suite| {
        (
            sum.0 + suite.tests,
            sum.1 + suite.failures,
            sum.2 + suite.skips,
        )
    });
    let skips = skipped(skips);
    let suites: String = suites.into_iter().map(|suite| suite.xml).collect();
    format!("<testsuites tests=\"{tests}\" failures=\"{failures}\"{skips}>{suites}</testsuites>")
}

struct Suite {
    tests: usize,
    failures: usize,
    skips: usize,
    xml: String,
}

/// Returns the attribute of the warnings, which are skipped tests; empty without any.
fn skipped(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" skipped=\"{count}\""),
    }
}

fn suite(report: &Report, component: &ReportedComponent, show: Show) -> Suite {
    let mut cases = String::new();
    let successes = if show.successes {
        component.successes.as_slice()
    } else {
        &[]
    };
    for finding in successes {
        case(&mut cases, finding, "", show);
    }
    let marked = |tag: &str, finding: &RuleFinding| {
        let message = escape(&finding.msg);
        // A CDATA section cannot contain its own end.
        let content = visible(&finding.msg).replace("]]>", "]]]]><![CDATA[>");
        format!("<{tag} message=\"{message}\"><![CDATA[{content}]]></{tag}>")
    };
    for finding in &component.violations {
        case(&mut cases, finding, &marked("failure", finding), show);
    }
    for finding in &component.warnings {
        case(&mut cases, finding, &marked("skipped", finding), show);
    }
    let mut failures = component.violations.len();
    let mut tests = successes.len() + failures + component.warnings.len();
    if let Some(error) = &component.error {
        let finding = RuleFinding {
            msg: error.clone(),
            ..RuleFinding::default()
        };
        case(&mut cases, &finding, &marked("failure", &finding), show);
        tests += 1;
        failures += 1;
    }
    let image = escape(&component.container_image);
    let name = escape(&component.name);
    let time = show.now.strftime("%Y-%m-%dT%H:%M:%SZ");
    let properties = properties(report, component);
    let skips = component.warnings.len();
    let skipped = skipped(skips);
    let xml = format!(
        "<testsuite name=\"{name} ({image})\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" id=\"0\"{skipped} time=\"\" timestamp=\"{time}\"><properties>{properties}</properties>{cases}</testsuite>"
    );
    Suite {
        tests,
        failures,
        skips,
        xml,
    }
}

fn properties(report: &Report, component: &ReportedComponent) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &str| {
        let (name, value) = (escape(name), escape(value));
        let _ = write!(
            text,
            "<property name=\"{name}\" value=\"{value}\"></property>"
        );
    };
    add("image", &component.container_image);
    add("key", &report.key);
    add("success", if component.success { "true" } else { "false" });
    for signature in &component.signatures {
        add("keyId", &signature.keyid);
        add("signature", &signature.sig);
        for (name, value) in &signature.metadata {
            add(&format!("metadata.{name}"), value);
        }
    }
    text
}

fn case(text: &mut String, finding: &RuleFinding, inner: &str, show: Show) {
    let mut name = finding.msg.clone();
    if let Some(code) = finding.code() {
        name = format!("{code}: {name}");
    }
    let shown = match show.info {
        true => finding.clone(),
        false => finding.brief(),
    };
    let others: Vec<_> = shown
        .metadata
        .iter()
        .filter(|(member, _)| *member != "code")
        .map(|(member, value)| format!("{member}={}", plain(value)))
        .collect();
    if !others.is_empty() {
        name = format!("{name} [{}]", others.join(", "));
    }
    let name = escape(&name);
    let _ = write!(
        text,
        "<testcase name=\"{name}\" classname=\"{name}\">{inner}</testcase>"
    );
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(many) => format!("[{}]", many.iter().map(plain).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}

/// Escapes characters that XML 1.0 cannot contain, and those that change how the text is shown.
fn visible(text: &str) -> String {
    let allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || !is_unsafe(c) && !matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if allowed(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' => escaped.push_str("&#x9;"),
            '\n' => escaped.push_str("&#xA;"),
            '\r' => escaped.push_str("&#xD;"),
            c => escaped.push(c),
        }
    }
    escaped
}
