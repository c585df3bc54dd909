//! `report`: a saved report is rendered again, and nothing else is taken for one.

use crate::harness::Workdir;

const REPORT: &str = r#"{"success":false,"components":[{"name":"web","containerImage":"reg.example/web@sha256:ab","source":{},"violations":[{"msg":"no","metadata":{"code":"a.b"}}],"success":false,"successCount":3}],"key":"","policy":{"sources":[{"policy":["git::git.example/p?ref=c0ffee"]}]},"ec-version":"promote 0.1.0","effective-time":"2026-01-01T00:00:00Z"}"#;

#[test]
fn renders_a_saved_report_in_another_format() {
    let dir = Workdir::new();
    dir.write("report.json", REPORT);
    let run = dir.promote(&["report", "report.json"]).exits(0);
    assert_eq!(run.stdout.trim_end(), REPORT);
    let run = dir
        .promote(&["report", "report.json", "--output", "text"])
        .exits(0);
    assert!(run.stdout.starts_with(
        "Success: false\nResult: FAILURE\nViolations: 1, Warnings: 0, Successes: 3\n"
    ));
    let run = dir
        .promote(&["report", "report.json", "--output", "html"])
        .exits(0);
    assert!(run.stdout.contains("<h1>Refused</h1>"));
    assert!(run.stdout.contains("default-src 'none'"));
    assert!(!run.stdout.contains("<script") && !run.stdout.contains("src="));
    // Values that only the run has cannot come from a saved report.
    dir.promote(&["report", "report.json", "--output", "attestation"])
        .exits(2);
}

#[test]
fn refuses_a_file_that_is_not_a_report() {
    let dir = Workdir::new();
    dir.write("other.json", "{}");
    dir.promote(&["report", "other.json"])
        .exits(2)
        .says("other.json is not a report");
    dir.promote(&["report", "absent.json"]).exits(3);
    dir.write("report.json", REPORT);
    dir.promote(&["report", "report.json", "--output", "pdf"])
        .exits(2);
}
