//! Renderings compared with what the real `ec` wrote (see the fixtures' README).

use serde_json::json;

use super::*;

const GOLDEN_JSON: &str = include_str!("../../tests/fixtures/ec-golden/chains-slsa3.json");
const GOLDEN_YAML: &str = include_str!("../../tests/fixtures/ec-golden/chains-slsa3.yaml");
const GOLDEN_TEXT: &str = include_str!("../../tests/fixtures/ec-golden/chains-slsa3.text");
const GOLDEN_JUNIT: &str = include_str!("../../tests/fixtures/ec-golden/chains-slsa3.junit");
const GOLDEN_MARKDOWN: &str =
    include_str!("../../tests/fixtures/ec-golden/chains-slsa3.summary-markdown");
const GOLDEN_APPSTUDIO: &str =
    include_str!("../../tests/fixtures/ec-golden/chains-slsa3.appstudio");
const GOLDEN_SUMMARY: &str = include_str!("../../tests/fixtures/ec-golden/chains-slsa3.summary");

fn show(at: &str) -> Show {
    Show {
        info: false,
        successes: false,
        warnings: true,
        docs_link: false,
        color: false,
        dialect: Dialect::Promote,
        now: at.parse().unwrap(),
    }
}

/// The golden report, read from its YAML rendering, with the successes that only the JSON names.
fn golden() -> Report {
    let document: Value = serde_saphyr::from_str(GOLDEN_YAML).unwrap();
    let mut report: Report = serde_json::from_value(document).unwrap();
    let facts: Value = serde_json::from_str(GOLDEN_JSON).unwrap();
    let successes = facts["components"][0]["successes"].as_array().unwrap();
    report.components[0].successes = successes
        .iter()
        .map(|code| RuleFinding::new(code.as_str().unwrap(), "Pass"))
        .collect();
    report
}

#[test]
fn text_is_upstreams() {
    let text = golden()
        .render(ReportFormat::Text, show("2026-01-01T00:00:00Z"))
        .unwrap();
    assert_eq!(text, GOLDEN_TEXT);
}

#[test]
fn yaml_is_upstreams() {
    let upstream = Show {
        dialect: Dialect::Conforma,
        ..show("2026-01-01T00:00:00Z")
    };
    let yaml = golden().render(ReportFormat::Yaml, upstream).unwrap();
    assert_eq!(yaml, GOLDEN_YAML);
}

#[test]
fn junit_is_upstreams() {
    let junit = golden()
        .render(ReportFormat::Junit, show("2026-11-21T22:58:27Z"))
        .unwrap();
    assert_eq!(junit, GOLDEN_JUNIT);
}

#[test]
fn the_table_and_the_test_output_are_upstreams() {
    let table = golden()
        .render(ReportFormat::SummaryMarkdown, show("2026-11-21T22:58:25Z"))
        .unwrap();
    assert_eq!(table, GOLDEN_MARKDOWN);
    let mut at = show("2026-11-21T22:58:25Z");
    at.now = jiff::Timestamp::from_second(1_795_301_910).unwrap();
    at.dialect = Dialect::Conforma;
    let output = golden().render(ReportFormat::Appstudio, at).unwrap();
    assert_eq!(output, GOLDEN_APPSTUDIO);
}

#[test]
fn our_test_output_names_the_first_violation_in_one_line() {
    let output = |report: &Report| {
        let text = report
            .render(ReportFormat::Appstudio, show("2026-01-01T00:00:00Z"))
            .unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let mut report = golden();
    let component = &mut report.components[0];
    component.name = "web".to_owned();
    component.success = false;
    component.violations = vec![
        RuleFinding::new("a.b", "no signature\nby this key"),
        RuleFinding::new("c.d", "other"),
    ];
    let note = output(&report)["note"].clone();
    assert!(
        note.as_str().unwrap().starts_with("web: no signature"),
        "{note}"
    );
    assert!(!note.as_str().unwrap().contains('\n'), "{note}");
    report.components[0].violations[0].msg = "x".repeat(9000);
    assert_eq!(
        output(&report)["note"].as_str().unwrap().chars().count(),
        300
    );
    report.components[0].violations.clear();
    report.components[0].success = true;
    assert_eq!(output(&report).get("note"), None);
}

#[test]
fn the_summary_is_upstreams() {
    let summary = golden()
        .render(ReportFormat::Summary, show("2026-01-01T00:00:00Z"))
        .unwrap();
    assert_eq!(summary, GOLDEN_SUMMARY);
}

#[test]
fn evidence_is_a_document_after_the_other() {
    let mut report = golden();
    let statement = "{\"note\": \"<a>\", \"_type\":\n\"x\"}";
    let document = serde_json::from_str(statement).unwrap();
    let attested =
        ReportedAttestation::new(&document, Vec::new()).with_statement(&Arc::from(statement));
    report.components[0].attestations = vec![attested.clone(), attested];
    report.components[0].policy_input = Some(Arc::new(json!({"note": "<a> & b"})));
    report.components.push(ReportedComponent::default());
    let shown = show("2026-01-01T00:00:00Z");
    let lines = report.render(ReportFormat::Attestation, shown).unwrap();
    // Not a byte differs from what was signed.
    assert_eq!(lines, format!("{statement}\n{statement}\n"));
    let inputs = report.render(ReportFormat::PolicyInput, shown).unwrap();
    let escaped = r#"{"note":"\u003ca\u003e \u0026 b"}"#;
    // The second component stopped before any rule was evaluated.
    assert_eq!(inputs, format!("{escaped}\n"));
}

#[test]
fn what_an_index_holds_beside_images_is_said_but_to_upstreams_readers() {
    let mut report = golden();
    let digest = format!("sha256:{}", "a".repeat(64));
    report.components[0].left_out = vec![digest.clone()];
    let shown = show("2026-01-01T00:00:00Z");
    for format in [
        ReportFormat::Json,
        ReportFormat::Yaml,
        ReportFormat::Text,
        ReportFormat::Html,
    ] {
        let ours = Show {
            dialect: Dialect::Promote,
            ..shown
        };
        assert!(
            report.render(format, ours).unwrap().contains(&digest),
            "{format:?}"
        );
    }
    for format in [ReportFormat::Json, ReportFormat::Yaml, ReportFormat::Text] {
        let upstreams = Show {
            dialect: Dialect::Conforma,
            ..shown
        };
        assert!(
            !report.render(format, upstreams).unwrap().contains(&digest),
            "{format:?}"
        );
    }
}

#[test]
fn text_wraps_at_upstreams_width() {
    let mut report = golden();
    let word = "w".repeat(40);
    let long = "l".repeat(140);
    report.components[0].violations.truncate(1);
    report.components[0].violations[0].msg = format!("{word} {word} {word} {long} end\nnext");
    let text = report
        .render(ReportFormat::Text, show("2026-01-01T00:00:00Z"))
        .unwrap();
    let reason: Vec<_> = text
        .lines()
        .skip_while(|line| !line.contains("Reason"))
        .take(4)
        .collect();
    assert_eq!(
        reason,
        [
            format!("  Reason: {word} {word}"),
            format!("  {word}"),
            format!("  {long}"),
            "  end".to_owned(),
        ]
    );
}

#[test]
fn a_result_without_a_code_is_shown_as_asked() {
    let mut report = golden();
    report.components[0].violations[0].metadata.remove("code");
    let shown = show("2026-01-01T00:00:00Z");
    let text = report.render(ReportFormat::Text, shown).unwrap();
    assert!(text.contains("✕ [Violation]\n"), "{text}");
    let upstream = Show {
        dialect: Dialect::Conforma,
        color: true,
        ..shown
    };
    let text = report.render(ReportFormat::Text, upstream).unwrap();
    let expected = "\x1b[31m✕\x1b[0m \x1b[31m[Violation] %!s(<nil>)\x1b[0m\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn what_upstream_has_no_place_for_is_noted_in_ours_only() {
    let mut report = golden();
    report.skipped_checks = vec!["transparency-log".to_owned()];
    report.components[0].exceptions = vec!["a.b:c".to_owned()];
    report.components[0].error = Some("it failed".to_owned());
    let shown = show("2026-01-01T00:00:00Z");
    let upstream = Show {
        dialect: Dialect::Conforma,
        ..shown
    };
    for (format, names) in [
        (
            ReportFormat::Text,
            [
                "Skipped check: transparency-log",
                "Exception: Unnamed: a.b:c",
                "it failed",
            ],
        ),
        (
            ReportFormat::Json,
            [
                "\"skipped_checks\":[\"transparency-log\"]",
                "\"exceptions\":[\"a.b:c\"]",
                "it failed",
            ],
        ),
    ] {
        let ours = report.render(format, shown).unwrap();
        let theirs = report.render(format, upstream).unwrap();
        for name in &names {
            assert!(ours.contains(name), "{name} in {ours}");
        }
        for name in &names[..2] {
            assert!(!theirs.contains(name), "{name} in {theirs}");
        }
    }
}

#[test]
fn a_saved_report_is_read_back() {
    let shown = show("2026-01-01T00:00:00Z");
    let json = golden().render(ReportFormat::Json, shown).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(read.counts(), golden().counts());
    assert_eq!(read.render(ReportFormat::Json, shown).unwrap(), json);
}

#[test]
fn the_result_is_the_worst_of_all() {
    let mut report = golden();
    assert_eq!(report.result(), "FAILURE");
    report.components[0].violations.clear();
    report.components[0].success = true;
    assert_eq!(report.result(), "SUCCESS");
    report.components[0]
        .warnings
        .push(RuleFinding::new("a.b", "hm"));
    assert_eq!(report.result(), "WARNING");
    report.components.clear();
    assert_eq!(report.result(), "SKIPPED");
}

#[test]
fn what_a_signer_wrote_cannot_leave_its_place() {
    let mut report = golden();
    let evil = "<script>alert(1)</script>]]>\x1b[2J\u{7}\u{202e}";
    report.components[0].violations[0].msg = evil.to_owned();
    let shown = show("2026-01-01T00:00:00Z");
    let html = report.render(ReportFormat::Html, shown).unwrap();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    assert!(!html.contains('\x1b') && !html.contains('\u{202e}'));
    let junit = report.render(ReportFormat::Junit, shown).unwrap();
    assert!(!junit.contains('\x1b') && !junit.contains("alert(1)</script>]]>"));
    let text = report.render(ReportFormat::Text, shown).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('\u{7}'));
    let yaml = report.render(ReportFormat::Yaml, shown).unwrap();
    let read: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(read["components"][0]["violations"][0]["msg"], evil);
}

#[test]
fn the_page_describes_each_image() {
    let mut report = golden();
    report.components[0].violations[0].metadata.extend([
        ("title".to_owned(), json!("Source & code")),
        ("solution".to_owned(), json!("Give it.")),
    ]);
    report.components[0].exceptions = vec!["a.b:c".to_owned()];
    report.skipped_checks = vec!["transparency-log".to_owned()];
    let mut failed = ReportedComponent {
        name: "broken".to_owned(),
        container_image: "reg.example/broken@sha256:00".to_owned(),
        error: Some("the registry answered 503".to_owned()),
        ..ReportedComponent::default()
    };
    let shown = show("2026-01-01T00:00:00Z");
    report.components.push(failed.clone());
    let page = report.render(ReportFormat::Html, shown).unwrap();
    for part in [
        "<h1>Refused</h1><p>2 images: 1 not verified, 3 violations, 0 warnings, 19 checks passed.</p>",
        "<strong>Not checked:</strong> transparency-log",
        "<td class=\"n\" data-what=\"violations\">3</td><td class=\"n\" data-what=\"warnings\">0</td>",
        "<h3>Source &amp; code</h3>",
        "<dt>What to do</dt><dd>Give it.</dd>",
        "<code>a.b:c</code>",
        "the registry answered 503",
        "<span class=\"badge bad\">Not verified</span>",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    // Nothing is loaded from elsewhere, and no script runs.
    for part in [
        "<script",
        " src=",
        "<link",
        "url(",
        "@import",
        "href=\"http",
    ] {
        assert!(!page.contains(part), "{part} in {page}");
    }
    failed.success = false;
    report.components = vec![failed];
    let page = report.render(ReportFormat::Html, shown).unwrap();
    assert!(page.contains("<h1>Not verified</h1>"));
    report.components.clear();
    report.success = true;
    let page = report.render(ReportFormat::Html, shown).unwrap();
    assert!(page.contains("<h1>Nothing verified</h1>"));
}

#[test]
fn yaml_keeps_what_texts_are() {
    let texts = [
        "",
        "true",
        "No",
        "1.5",
        "0x1F",
        "2026-01-01",
        "a: b",
        "a #b",
        "@x",
        "- x",
        "it's",
        "\ttab",
        "line\nline",
        "line\n\n",
        " x\ny",
        "12:30:45",
        "null",
        "~",
        "é",
        "a\u{0}b",
        "trailing ",
        "x:",
        "1e3",
        "0o17",
        "=",
        "*a",
    ];
    let document = json!({"texts": texts, "deep": [[{"a": [1, null, {}], "b": {"c": []}}]]});
    let read: Value = serde_saphyr::from_str(&yaml::render(&document)).unwrap();
    assert_eq!(read, document);
}
