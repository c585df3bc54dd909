//! The report as one page for a release manager: the verdict and the release, each image's state, then each
//! result with its reason and its solution. The page loads nothing, and no script runs.

use std::fmt::Write as _;

use super::{
    Report, ReportedComponent, Show,
    advice::{commit, failed_title, in_seconds, skipped, solution},
};
use crate::policy::{RuleFinding, Sig};

const STYLE: &str = include_str!("html.css");
/// Forbids scripts and loads from elsewhere, whatever a signed document contains.
const HEAD: &str = "<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
    <meta name=\"referrer\" content=\"no-referrer\">";

/// Returns the page without the last newline.
pub(super) fn render(report: &Report, show: Show) -> String {
    let (class, verdict) = verdict(report);
    let title = match report
        .release
        .as_ref()
        .and_then(|release| release.git_tag.as_deref())
    {
        Some(tag) => format!("{verdict}: {}", escape(tag)),
        None => format!("{verdict}: image verification"),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head>{HEAD}<title>{title}</title>\
         <style>{STYLE}</style></head><body><main>"
    );
    banner(&mut page, report, class, verdict);
    // Refused images come first.
    let (good, bad): (Vec<_>, Vec<_>) = report.components.iter().partition(|one| one.success);
    let components: Vec<&ReportedComponent> = bad.into_iter().chain(good).collect();
    if components.len() > 1 {
        overview(&mut page, &components);
    }
    for (number, component) in components.into_iter().enumerate() {
        section(&mut page, number, component);
    }
    facts(&mut page, report, show);
    page.push_str("</main></body></html>");
    page
}

fn verdict(report: &Report) -> (&'static str, &'static str) {
    let undecided = report.components.iter().any(|one| one.error.is_some());
    let refused = |one: &ReportedComponent| !one.success && one.error.is_none();
    if report.success && !report.components.is_empty() {
        ("good", "Passed")
    } else if undecided && !report.components.iter().any(refused) {
        ("bad", "Not verified")
    } else if report.components.is_empty() {
        ("warn", "Nothing verified")
    } else {
        ("bad", "Refused")
    }
}

/// Writing to a String cannot fail, so the result of `write!` is dropped.
macro_rules! put {
    ($page:expr, $($part:tt)*) => {{ let _ = write!($page, $($part)*); }};
}

fn banner(page: &mut String, report: &Report, class: &str, verdict: &str) {
    let counts = report.counts();
    put!(
        page,
        "<header class=\"verdict {class}\"><h1>{verdict}</h1><p>{}: {}{}, {}, {} passed.</p>",
        number(report.components.len(), "image"),
        unknown(report),
        number(counts.violations, "violation"),
        number(counts.warnings, "warning"),
        number(counts.successes, "check"),
    );
    if !report.effective_time.is_empty() {
        put!(
            page,
            "<p>Rules as of {}.</p>",
            escape(&in_seconds(&report.effective_time))
        );
    }
    release(page, report);
    page.push_str("</header>");
    for name in &report.skipped_checks {
        put!(
            page,
            "<p class=\"note warn\"><strong>Not checked:</strong> {}",
            escape(name)
        );
        match skipped(name) {
            "" => page.push_str("</p>"),
            meaning => put!(page, ": {meaning}</p>"),
        }
    }
}

/// Writes the release: its tags and commit.
fn release(page: &mut String, report: &Report) {
    let Some(release) = &report.release else {
        return;
    };
    page.push_str("<dl>");
    for (label, value) in [
        ("Application", Some(&release.application)),
        ("Git tag", release.git_tag.as_ref()),
        ("Commit", release.commit.as_ref()),
        ("Promoted as", release.destination_tag.as_ref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            put!(
                page,
                "<dt>{label}</dt><dd><code>{}</code></dd>",
                escape(value)
            );
        }
    }
    page.push_str("</dl>");
}

/// Returns the number of images that could not be verified: the counts after it do not include them.
fn unknown(report: &Report) -> String {
    match report
        .components
        .iter()
        .filter(|one| one.error.is_some())
        .count()
    {
        0 => String::new(),
        count => format!("{count} not verified, "),
    }
}

fn number(count: usize, what: &str) -> String {
    format!("{count} {}", noun(count, what))
}

fn noun(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{what}{plural}")
}

fn overview(page: &mut String, components: &[&ReportedComponent]) {
    page.push_str(
        "<table><thead><tr><th>Image</th><th>Verdict</th><th class=\"n\">Violations</th>\
         <th class=\"n\">Warnings</th><th class=\"n wide\">Passed</th></tr></thead><tbody>",
    );
    for (number, component) in components.iter().enumerate() {
        let counts = component.counts();
        put!(
            page,
            "<tr><td><a href=\"#c{number}\"><bdi>{}</bdi></a></td><td>{}</td>\
             <td class=\"n\" data-what=\"{}\">{}</td><td class=\"n\" data-what=\"{}\">{}</td>\
             <td class=\"n wide\">{}</td></tr>",
            escape(name(component)),
            badge(component),
            noun(counts.violations, "violation"),
            counts.violations,
            noun(counts.warnings, "warning"),
            counts.warnings,
            counts.successes
        );
    }
    page.push_str("</tbody></table>");
}

fn name(component: &ReportedComponent) -> &str {
    match component.name.as_str() {
        "" => &component.container_image,
        name => name,
    }
}

fn badge(component: &ReportedComponent) -> String {
    let (class, text) = match (&component.error, component.success) {
        (Some(_), _) => ("bad", "Not verified"),
        (None, true) => ("good", "Passed"),
        (None, false) => ("bad", "Refused"),
    };
    format!("<span class=\"badge {class}\">{text}</span>")
}

fn section(page: &mut String, number: usize, component: &ReportedComponent) {
    put!(
        page,
        "<section id=\"c{number}\"><h2><bdi>{}</bdi> {}</h2><p class=\"ref\"><code>{}</code></p>",
        escape(name(component)),
        badge(component),
        escape(&component.container_image)
    );
    let source = |member: &str| component.source.pointer(&format!("/git/{member}"));
    if let Some(url) = source("url").and_then(|url| url.as_str()) {
        let revision = source("revision").and_then(|text| text.as_str());
        put!(
            page,
            "<p class=\"ref\">Source <code>{}</code></p>",
            escape(&[url, revision.unwrap_or_default()].join(" "))
        );
    }
    let signers = signers(component);
    if !signers.is_empty() {
        put!(
            page,
            "<p class=\"ref\">Signed by {}</p>",
            signers.join(", ")
        );
    }
    if let Some(error) = &component.error {
        put!(
            page,
            "<article class=\"bad\"><p class=\"kind\">Error</p><h3>The image could not be verified</h3>\
             <p class=\"said\">{}</p></article>",
            escape(error)
        );
    }
    for finding in &component.violations {
        card(page, ("bad", "Violation of the rule"), finding);
    }
    for finding in &component.warnings {
        card(page, ("warn", "Warning from the rule"), finding);
    }
    if !component.exceptions.is_empty() {
        let names = codes(&component.exceptions);
        put!(
            page,
            "<p class=\"note warn\"><strong>Let off by the policy's configuration:</strong> {names}</p>"
        );
    }
    if !component.left_out.is_empty() {
        let digests = codes(&component.left_out);
        put!(
            page,
            "<p class=\"note\"><strong>In the index, but a builder's attestations and no images:</strong> {digests}</p>"
        );
    }
    passed(page, component);
    evidence(page, component);
    page.push_str("</section>");
}

fn codes(texts: &[String]) -> String {
    let codes = texts.iter();
    let codes: Vec<_> = codes
        .map(|text| format!("<code>{}</code>", escape(text)))
        .collect();
    codes.join(", ")
}

fn card(page: &mut String, (class, kind): (&str, &str), finding: &RuleFinding) {
    let title = finding.text("title").map(failed_title);
    let title = title.as_deref().or(finding.code());
    put!(
        page,
        "<article class=\"{class}\"><p class=\"kind\">{kind}</p><h3>{}</h3><p class=\"said\">{}</p><dl>",
        escape(title.unwrap_or("Result without a code")),
        escape(&finding.msg)
    );
    let terms = finding.terms().join(", ");
    let place = finding.location.as_ref().map(ToString::to_string);
    let place = place.unwrap_or_default();
    for (label, text, is_code) in [
        ("What to do", solution(finding), false),
        (
            "The rule",
            finding.text("description").unwrap_or_default(),
            false,
        ),
        ("Concerns", terms.as_str(), true),
        (
            "In force from",
            finding.text("effective_on").unwrap_or_default(),
            false,
        ),
        ("Code", finding.code().unwrap_or_default(), true),
        ("Written in", place.as_str(), true),
    ] {
        if text.is_empty() {
            continue;
        }
        let text = escape(text);
        match is_code {
            true => put!(page, "<dt>{label}</dt><dd><code>{text}</code></dd>"),
            false => put!(page, "<dt>{label}</dt><dd>{text}</dd>"),
        }
    }
    page.push_str("</dl></article>");
}

fn passed(page: &mut String, component: &ReportedComponent) {
    if component.successes.is_empty() {
        return;
    }
    put!(
        page,
        "<details><summary>{} passed</summary><ul>",
        number(component.successes.len(), "check")
    );
    for finding in &component.successes {
        let code = finding.code().unwrap_or(&finding.msg);
        let title = finding.text("title").unwrap_or_default();
        put!(
            page,
            "<li>{} <code>{}</code></li>",
            escape(title),
            escape(code)
        );
    }
    page.push_str("</ul></details>");
}

fn evidence(page: &mut String, component: &ReportedComponent) {
    let (signatures, attestations) = (&component.signatures, &component.attestations);
    if signatures.is_empty() && attestations.is_empty() {
        return;
    }
    put!(
        page,
        "<details><summary>Evidence: {}, {}</summary><ul>",
        number(signatures.len(), "signature"),
        number(attestations.len(), "attestation")
    );
    for signature in signatures {
        put!(page, "<li>Image signature{}</li>", signer(signature));
    }
    for attestation in attestations {
        let by: String = attestation.signatures.iter().map(signer).collect();
        put!(
            page,
            "<li><code>{}</code> {}{by}</li>",
            escape(&attestation.predicate_type),
            escape(&attestation.predicate_build_type)
        );
    }
    page.push_str("</ul></details>");
}

/// Returns everyone whose signature of the image or of an attestation was accepted, once.
fn signers(component: &ReportedComponent) -> Vec<String> {
    let attested = component.attestations.iter();
    let attested = attested.flat_map(|attestation| &attestation.signatures);
    let mut names = Vec::new();
    for signature in component.signatures.iter().chain(attested) {
        let name = match signer(signature).strip_prefix(" by ") {
            Some(name) => name.to_owned(),
            None => "the public key below".to_owned(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns the name in the certificate, else the key's identifier.
fn signer(signature: &Sig) -> String {
    let named = signature.metadata.get("Subject Alternative Name");
    match named.unwrap_or(&signature.keyid).as_str() {
        "" => String::new(),
        name => format!(" by <code>{}</code>", escape(name)),
    }
}

fn facts(page: &mut String, report: &Report, show: Show) {
    page.push_str("<section><h2>How it was decided</h2><dl>");
    let mut fact = |name: &str, value: &str, class: &str| {
        if !value.is_empty() {
            let value = escape(value);
            put!(page, "<dt>{name}</dt><dd><code{class}>{value}</code></dd>");
        }
    };
    for group in &report.policy.sources {
        for source in &group.policy {
            fact("Policy", source, "");
            fact("Policy commit", commit(source).unwrap_or_default(), "");
        }
        for source in &group.data {
            fact("Data", source, "");
        }
    }
    fact("Effective time", &in_seconds(&report.effective_time), "");
    fact("Public key", report.key.trim_end(), " class=\"key\"");
    fact("Made by", &report.version, "");
    fact("Made at", &in_seconds(&show.now.to_string()), "");
    page.push_str("</dl></section>");
}

/// Escapes markup, and characters that steer a terminal or turn the direction of writing.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if crate::text::is_unsafe(c) => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped
}
