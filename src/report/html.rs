//! The report as one page for a release manager: the verdict, then each result with its reason
//! and what to do. Nothing is loaded from elsewhere, and no script runs.

use std::fmt::Write as _;

use super::{Component, Report};
use crate::policy::Finding;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f24;--page:#fff;--card:#f6f8fa;--line:#d0d7de;--bad:#b3261e;--warn:#8a5a00;--good:#1a7f37}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--page:#0d1117;--card:#161b22;--line:#30363d;--bad:#ff7b72;--warn:#e3b341;--good:#56d364}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1.5rem;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}.bad{color:var(--bad)}.warn{color:var(--warn)}.good{color:var(--good)}
article{border:1px solid var(--line);border-left-width:.4rem;border-radius:.4rem;background:var(--card);padding:.75rem 1rem;margin:.75rem 0}
article.bad{border-left-color:var(--bad)}article.warn{border-left-color:var(--warn)}article *{color:var(--ink)}h3{margin:0;font-size:1rem}p{margin:.3rem 0}code{font-size:.85em}dt{font-weight:600}dd{margin:0 0 .5rem}
";

/// The page without the last newline.
pub(super) fn render(report: &Report) -> String {
    let (class, verdict) = if report.success {
        ("good", "Passed")
    } else {
        ("bad", "Refused")
    };
    let counts = report.counts();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{verdict}: image verification</title><style>{STYLE}</style></head><body><main>\
         <h1 class=\"{class}\">{verdict}</h1><p>{} component(s): {} violation(s), {} warning(s), {} check(s) passed.</p>",
        report.components.len(),
        counts.violations,
        counts.warnings,
        counts.successes
    );
    for component in &report.components {
        section(&mut page, component);
    }
    facts(&mut page, report);
    page.push_str("</main></body></html>");
    page
}

fn section(page: &mut String, component: &Component) {
    let (class, verdict) = if component.success {
        ("good", "passed")
    } else {
        ("bad", "refused")
    };
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<section><h2>{} <span class=\"{class}\">{verdict}</span></h2><p><code>{}</code></p>",
        escape(&component.name),
        escape(&component.container_image)
    );
    if let Some(error) = &component.error {
        let _ = write!(
            page,
            "<article class=\"bad\"><h3>Error</h3><p>{}</p></article>",
            escape(error)
        );
    }
    for finding in &component.violations {
        card(page, "bad", finding);
    }
    for finding in &component.warnings {
        card(page, "warn", finding);
    }
    for exception in &component.exceptions {
        let _ = write!(
            page,
            "<p class=\"warn\">Exception: <code>{}</code></p>",
            escape(exception)
        );
    }
    if !component.successes.is_empty() {
        let _ = write!(
            page,
            "<details><summary>{} check(s) passed</summary><ul>",
            component.successes.len()
        );
        for finding in &component.successes {
            let name = finding.code().unwrap_or(&finding.msg);
            let _ = write!(page, "<li><code>{}</code></li>", escape(name));
        }
        page.push_str("</ul></details>");
    }
    if !component.attestations.is_empty() {
        page.push_str("<details><summary>Evidence</summary><ul>");
        for attestation in &component.attestations {
            let _ = write!(
                page,
                "<li><code>{}</code></li>",
                escape(&attestation.predicate_type)
            );
        }
        page.push_str("</ul></details>");
    }
    page.push_str("</section>");
}

fn card(page: &mut String, class: &str, finding: &Finding) {
    let title = finding
        .text("title")
        .or(finding.code())
        .unwrap_or("Result without a code");
    let _ = write!(
        page,
        "<article class=\"{class}\"><h3>{}</h3>",
        escape(title)
    );
    if let Some(code) = finding.code() {
        let _ = write!(page, "<p><code>{}</code></p>", escape(code));
    }
    let _ = write!(page, "<p>{}</p>", escape(&finding.msg));
    let terms = finding.terms();
    if !terms.is_empty() {
        let _ = write!(
            page,
            "<p>Concerns <code>{}</code></p>",
            escape(&terms.join(", "))
        );
    }
    for (member, label) in [("description", "Why"), ("solution", "What to do")] {
        if let Some(text) = finding.text(member) {
            let _ = write!(page, "<p><strong>{label}:</strong> {}</p>", escape(text));
        }
    }
    page.push_str("</article>");
}

fn facts(page: &mut String, report: &Report) {
    page.push_str("<h2>How it was decided</h2><dl>");
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(
                page,
                "<dt>{name}</dt><dd><code>{}</code></dd>",
                escape(value)
            );
        }
    };
    for source in report
        .policy
        .sources
        .iter()
        .flat_map(|group| group.policy.iter().chain(&group.data))
    {
        fact("Policy source", source);
    }
    fact("Effective time", &report.effective_time);
    fact("Skipped checks", &report.skipped_checks.join(", "));
    fact("Public key", &report.key);
    fact("Made by", &report.version);
    page.push_str("</dl>");
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
