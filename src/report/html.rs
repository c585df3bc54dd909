//! The report as one page for a release manager: the verdict and the release, each image's state, then each
//! result with its reason and its solution. The page loads nothing, and no script runs.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    Report, ReportedComponent, Show,
    advice::{commit, failed_title, in_seconds, skipped, solution},
};
use crate::{
    policy::{RuleFinding, Sig},
    text::{self, counted, plural},
};

const STYLE: &str = include_str!("html.css");
/// Forbids scripts and loads from elsewhere, whatever a signed document contains.
const CONTENT_SECURITY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Returns the page. Markup in texts is escaped where a text is inserted; characters that steer a
/// terminal or turn the direction of writing are escaped over the whole page.
pub(super) fn render(report: &Report, show: Show) -> String {
    let (class, verdict) = verdict(report);
    // Refused images come first.
    let (good, bad): (Vec<_>, Vec<_>) = report.components.iter().partition(|one| one.success);
    let components: Vec<&ReportedComponent> = bad.into_iter().chain(good).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY);
                meta name="referrer" content="no-referrer";
                title { (verdict) ": " (git_tag(report).unwrap_or("image verification")) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (banner(report, class, verdict))
                    @if components.len() > 1 { (overview(&components)) }
                    @for (number, component) in components.iter().enumerate() {
                        (section(number, component))
                    }
                    (facts(report, show))
                }
            }
        }
    };
    text::lines(&page.into_string()).into_owned()
}

fn git_tag(report: &Report) -> Option<&str> {
    report.release.as_ref()?.git_tag.as_deref()
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

fn banner(report: &Report, class: &str, verdict: &str) -> Markup {
    let counts = report.counts();
    let undecided = report.components.iter().filter(|one| one.error.is_some());
    html! {
        header class={ "verdict " (class) } {
            h1 { (verdict) }
            p {
                (counted(report.components.len() as u64, "image")) ": "
                // The counts do not include images that could not be verified.
                @match undecided.count() {
                    0 => {}
                    count => { (count) " not verified, " }
                }
                (counted(counts.violations as u64, "violation")) ", "
                (counted(counts.warnings as u64, "warning")) ", "
                (counted(counts.successes as u64, "check")) " passed."
            }
            @if !report.effective_time.is_empty() {
                p { "Rules as of " (in_seconds(&report.effective_time)) "." }
            }
            (release(report))
        }
        @for name in &report.skipped_checks {
            p class="note warn" {
                strong { "Not checked:" } " " (name)
                @match skipped(name) {
                    "" => {}
                    meaning => { ": " (meaning) }
                }
            }
        }
    }
}

/// Shows the release: its tags and commit.
fn release(report: &Report) -> Markup {
    let Some(release) = &report.release else {
        return Markup::default();
    };
    let facts = [
        ("Application", Some(&release.application)),
        ("Git tag", release.git_tag.as_ref()),
        ("Commit", release.commit.as_ref()),
        ("Promoted as", release.destination_tag.as_ref()),
    ];
    html! {
        dl {
            @for (label, value) in facts {
                @if let Some(value) = value.filter(|value| !value.is_empty()) {
                    dt { (label) } dd { code { (value) } }
                }
            }
        }
    }
}

fn overview(components: &[&ReportedComponent]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th { "Image" } th { "Verdict" }
                    th class="n" { "Violations" } th class="n" { "Warnings" }
                    th class="n wide" { "Passed" }
                }
            }
            tbody {
                @for (number, component) in components.iter().enumerate() {
                    @let counts = component.counts();
                    tr {
                        td { a href={ "#c" (number) } { bdi { (name(component)) } } }
                        td { (badge(component)) }
                        td class="n" data-what=(plural(counts.violations as u64, "violation")) { (counts.violations) }
                        td class="n" data-what=(plural(counts.warnings as u64, "warning")) { (counts.warnings) }
                        td class="n wide" { (counts.successes) }
                    }
                }
            }
        }
    }
}

fn name(component: &ReportedComponent) -> &str {
    match component.name.as_str() {
        "" => &component.container_image,
        name => name,
    }
}

fn badge(component: &ReportedComponent) -> Markup {
    let (class, text) = match (&component.error, component.success) {
        (Some(_), _) => ("bad", "Not verified"),
        (None, true) => ("good", "Passed"),
        (None, false) => ("bad", "Refused"),
    };
    html! { span class={ "badge " (class) } { (text) } }
}

fn section(number: usize, component: &ReportedComponent) -> Markup {
    let source = |member: &str| {
        let value = component.source.pointer(&format!("/git/{member}"));
        value.and_then(|value| value.as_str())
    };
    let signers = signers(component);
    html! {
        section id={ "c" (number) } {
            h2 { bdi { (name(component)) } " " (badge(component)) }
            p class="ref" { code { (component.container_image) } }
            @if let Some(url) = source("url") {
                p class="ref" { "Source " code { (url) " " (source("revision").unwrap_or_default()) } }
            }
            @if !signers.is_empty() {
                p class="ref" {
                    "Signed by "
                    @for (number, name) in signers.iter().enumerate() {
                        @if number > 0 { ", " }
                        @match name {
                            Some(name) => { code { (name) } }
                            None => { "the public key below" }
                        }
                    }
                }
            }
            @if let Some(error) = &component.error {
                article class="bad" {
                    p class="kind" { "Error" }
                    h3 { "The image could not be verified" }
                    p class="said" { (error) }
                }
            }
            @for finding in &component.violations { (card("bad", "Violation of the rule", finding)) }
            @for finding in &component.warnings { (card("warn", "Warning from the rule", finding)) }
            @if !component.exceptions.is_empty() {
                p class="note warn" {
                    strong { "Excepted by the policy's configuration:" } " " (codes(&component.exceptions))
                }
            }
            @if !component.left_out.is_empty() {
                p class="note" {
                    strong { "In the index, but a builder's attestations and no images:" } " "
                    (codes(&component.left_out))
                }
            }
            (passed(component))
            (evidence(component))
        }
    }
}

fn codes(texts: &[String]) -> Markup {
    html! {
        @for (number, text) in texts.iter().enumerate() {
            @if number > 0 { ", " }
            code { (text) }
        }
    }
}

fn card(class: &str, kind: &str, finding: &RuleFinding) -> Markup {
    let title = finding.text("title").map(failed_title);
    let title = title.as_deref().or(finding.code());
    let text = |member: &str| finding.text(member).unwrap_or_default();
    let terms = finding.terms().join(", ");
    let place = finding.location.as_ref().map(ToString::to_string);
    let place = place.unwrap_or_default();
    let facts = [
        ("What to do", solution(finding), false),
        ("The rule", text("description"), false),
        ("Concerns", terms.as_str(), true),
        ("In force from", text("effective_on"), false),
        ("Code", finding.code().unwrap_or_default(), true),
        ("Written in", place.as_str(), true),
    ];
    html! {
        article class=(class) {
            p class="kind" { (kind) }
            h3 { (title.unwrap_or("Result without a code")) }
            p class="said" { (finding.msg) }
            dl {
                @for (label, text, is_code) in facts {
                    @if !text.is_empty() {
                        dt { (label) }
                        dd { @if is_code { code { (text) } } @else { (text) } }
                    }
                }
            }
        }
    }
}

fn passed(component: &ReportedComponent) -> Markup {
    if component.successes.is_empty() {
        return Markup::default();
    }
    html! {
        details {
            summary { (counted(component.successes.len() as u64, "check")) " passed" }
            ul {
                @for finding in &component.successes {
                    li {
                        (finding.text("title").unwrap_or_default()) " "
                        code { (finding.code().unwrap_or(&finding.msg)) }
                    }
                }
            }
        }
    }
}

fn evidence(component: &ReportedComponent) -> Markup {
    let (signatures, attestations) = (&component.signatures, &component.attestations);
    if signatures.is_empty() && attestations.is_empty() {
        return Markup::default();
    }
    let by = |signature: &Sig| {
        html! { @if let Some(name) = signer(signature) { " by " code { (name) } } }
    };
    html! {
        details {
            summary {
                "Evidence: " (counted(signatures.len() as u64, "signature")) ", "
                (counted(attestations.len() as u64, "attestation"))
            }
            ul {
                @for signature in signatures { li { "Image signature" (by(signature)) } }
                @for attestation in attestations {
                    li {
                        code { (attestation.predicate_type) } " " (attestation.predicate_build_type)
                        @for signature in &attestation.signatures { (by(signature)) }
                    }
                }
            }
        }
    }
}

/// Returns each signer whose signature of the image or of an attestation was accepted, once;
/// `None` is the public key.
fn signers(component: &ReportedComponent) -> Vec<Option<&str>> {
    let attested = component.attestations.iter();
    let attested = attested.flat_map(|attestation| &attestation.signatures);
    let mut names = Vec::new();
    for signature in component.signatures.iter().chain(attested) {
        let name = signer(signature);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns the name in the certificate, else the key's identifier.
fn signer(signature: &Sig) -> Option<&str> {
    let named = signature.metadata.get("Subject Alternative Name");
    let name = named.unwrap_or(&signature.keyid).as_str();
    (!name.is_empty()).then_some(name)
}

fn facts(report: &Report, show: Show) -> Markup {
    let fact = |name: &str, value: &str| {
        html! { @if !value.is_empty() { dt { (name) } dd { code { (value) } } } }
    };
    let key = report.key.trim_end();
    html! {
        section {
            h2 { "How it was decided" }
            dl {
                @for group in &report.policy.sources {
                    @for source in &group.policy {
                        (fact("Policy", source))
                        (fact("Policy commit", commit(source).unwrap_or_default()))
                    }
                    @for source in &group.data { (fact("Data", source)) }
                }
                (fact("Effective time", &in_seconds(&report.effective_time)))
                @if !key.is_empty() { dt { "Public key" } dd { code class="key" { (key) } } }
                (fact("Made by", &report.version))
                (fact("Made at", &in_seconds(&show.now.to_string())))
            }
        }
    }
}
