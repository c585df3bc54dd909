//! The shipped Pipeline, run by the lab's runner with the real binary against the lab's servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;

use lab::{
    event,
    tekton::{self, Fate, Run, Skip, Status},
    universe::{COMPONENT, TAG, Universe},
};

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

fn read(path: &std::path::Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The shipped files with one text of one Task replaced; every replacement must find something.
fn changed(file: &str, from: &str, to: &str) -> Run {
    let mut found = false;
    let run = tekton::shipped()
        .iter()
        .fold(Run::new(Vec::<String>::new()), |run, path| {
            let mut text = read(path);
            if path.ends_with(file) {
                found = text.contains(from);
                text = text.replace(from, to);
            }
            run.text(&path.display().to_string(), text)
        });
    assert!(found, "{file} has no {from}");
    run
}

/// The values and workspaces of a promotion in the universe.
fn promotion(run: Run, universe: &Universe, data: &std::path::Path) -> Run {
    run.promote(PROMOTE)
        .env("SOURCE_DATE_EPOCH", "1767322000")
        .param("git-tag", TAG)
        .param("revision", &universe.commit)
        .param("git-url", universe.source_url())
        .param("images", format!("{COMPONENT}={}", universe.staging()))
        .param("policy", universe.policy_url())
        .param("public-key", read(&universe.public_key()))
        .param("ignore-rekor", "true")
        .param("to", universe.production())
        .param("gitops-repo-url", universe.gitops_url())
        .workspace("data", data)
        .workspace("git-credentials", universe.credentials())
        .workspace("gitops-credentials", universe.credentials())
}

fn shipped(universe: &Universe, data: &std::path::Path) -> Run {
    promotion(Run::new(tekton::shipped()), universe, data)
}

#[track_caller]
fn succeeded(status: &Status) {
    let log = status
        .failed_task()
        .map(|task| format!("{}: {}", task.name, task.log()));
    assert!(
        status.succeeded,
        "{}: {}",
        status.message,
        log.unwrap_or_default()
    );
}

#[test]
fn the_shipped_pipeline_promotes_one_digest() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let data = tempfile::tempdir().unwrap();
    let status = shipped(&universe, data.path()).run().unwrap();
    succeeded(&status);
    let digest = &universe.image.digest;
    assert_eq!(
        universe.state().unwrap().tags["acme/web:prod-v1.0"],
        *digest
    );
    let deployed = format!("{}:prod-v1.0@{digest}", universe.production());
    assert_eq!(universe.deployed().unwrap().trim_matches('"'), deployed);
    let copied = status.task("copy-image").unwrap();
    assert_eq!(copied.result("DESTINATION_DIGEST"), Some(digest.as_str()));
    assert_eq!(status.results["COMMIT"], universe.commit);
    assert!(data.path().join("report.json").exists());
    let report = status.task("report").unwrap();
    assert_eq!(
        (report.fate.clone(), report.exit_code()),
        (Fate::Succeeded, Some(0))
    );
    assert!(
        report.log().contains(&universe.image.digest),
        "{}",
        report.log()
    );
}

#[test]
fn the_recorded_event_of_every_host_starts_the_shipped_pipeline_run() {
    for recorded in event::pushes() {
        let universe = Universe::new().unwrap();
        universe.sign_and_attest().unwrap();
        let data = tempfile::tempdir().unwrap();
        let page = universe.source_page();
        let push = event::tag_push(recorded, TAG, &universe.commit, &page).unwrap();
        let run = |event: String| {
            Run::new(tekton::shipped())
                .text("on-tag.yaml", universe.pipeline_run().unwrap())
                .event(event)
                .promote(PROMOTE)
                .param("public-key", read(&universe.public_key()))
                .param("ignore-rekor", "true")
                .workspace("data", data.path())
                .workspace("docker-config", universe.path("docker-config"))
                .workspace("git-credentials", universe.credentials())
                .workspace("gitops-credentials", universe.credentials())
        };
        // The tag's commit is not the one of the event: it moved.
        let moved = event::tag_push(recorded, TAG, &"0a".repeat(20), &page).unwrap();
        let status = run(moved).run().unwrap();
        let extract = status.task("extract-destination-image-tag").unwrap();
        assert_eq!(
            extract.exit_code(),
            Some(4),
            "{recorded}: {}",
            extract.log()
        );
        let status = run(push).run().unwrap();
        succeeded(&status);
        assert_eq!(status.results["TAG"], TAG, "{recorded}");
        assert_eq!(status.results["COMMIT"], universe.commit, "{recorded}");
        let digest = &universe.image.digest;
        assert_eq!(
            universe.state().unwrap().tags["acme/web:prod-v1.0"],
            *digest
        );
    }
}

#[test]
fn an_argument_of_a_task_decides_the_pushed_tag() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let data = tempfile::tempdir().unwrap();
    let template = "--template=$(params.template)";
    let run = changed("extract-tag.yaml", template, "--template=x-{tag}");
    let status = promotion(run, &universe, data.path()).run().unwrap();
    succeeded(&status);
    let tags = universe.state().unwrap().tags;
    assert_eq!(tags["acme/web:x-v1.0"], universe.image.digest);
    assert!(!tags.contains_key("acme/web:prod-v1.0"));
}

#[test]
fn a_result_reference_that_is_gone_fails_the_run() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let data = tempfile::tempdir().unwrap();
    let before = universe.state().unwrap();
    // The Task does not write the result that the Pipeline hands on.
    let written = "        - --result=VERIFIED_DIGEST=$(results.VERIFIED_DIGEST.path)\n";
    let run = changed("verify-ec.yaml", written, "");
    let status = promotion(run, &universe, data.path()).run().unwrap();
    assert_eq!(
        (status.succeeded, status.reason),
        (false, "PipelineValidationFailed")
    );
    assert_eq!(status.task("copy-image").unwrap().fate, Fate::NotRun);
    // The Task does not declare it either: refused before anything runs.
    let declared = "    - name: VERIFIED_DIGEST\n";
    let run = changed("verify-ec.yaml", declared, "    - name: OTHER\n");
    let refused = promotion(run, &universe, data.path()).run().unwrap_err();
    assert!(
        format!("{refused:#}").contains("VERIFIED_DIGEST"),
        "{refused:#}"
    );
    assert_eq!(universe.state().unwrap(), before);
}

#[test]
fn a_refused_or_skipped_verification_never_leads_to_a_copy() {
    let universe = Universe::new().unwrap();
    let data = tempfile::tempdir().unwrap();
    let before = universe.state().unwrap();
    let status = shipped(&universe, data.path()).run().unwrap();
    let verify = status.task("verify-enterprise-contract").unwrap();
    let note = verify.result("TEST_OUTPUT").unwrap();
    assert!(note.contains(r#""note":"web: "#), "{note}");
    let outcome = status.task("outcome").unwrap().log();
    for line in [
        "verify-enterprise-contract     Failed",
        "copy-image                     None (did not run)",
        "all tasks                      Failed",
    ] {
        assert!(outcome.contains(line), "{outcome}");
    }
    let report = status.task("report").unwrap().log();
    assert!(report.starts_with("preflight"), "{report}");
    assert!(report.contains("Success: false"), "{report}");
    assert_eq!(
        (verify.fate.clone(), verify.exit_code()),
        (Fate::Failed, Some(4)),
        "{}",
        verify.log()
    );
    for name in ["copy-image", "update-deployment"] {
        assert_eq!(
            status.task(name).unwrap().fate,
            Fate::Skipped(Skip::Stopping)
        );
    }
    let condition =
        "      timeout: 30m\n      when:\n        - {input: a, operator: in, values: [b]}\n";
    let run = changed("promote-to-prod.yaml", "      timeout: 30m\n", condition);
    let status = promotion(run, &universe, data.path()).run().unwrap();
    let fate = |name: &str| status.task(name).unwrap().fate.clone();
    assert_eq!(
        fate("verify-enterprise-contract"),
        Fate::Skipped(Skip::When)
    );
    assert_eq!(fate("copy-image"), Fate::Skipped(Skip::MissingResult));
    assert_eq!(fate("update-deployment"), Fate::Skipped(Skip::Parent));
    assert_eq!(fate("report"), Fate::Skipped(Skip::MissingResult));
    assert_eq!(fate("outcome"), Fate::Succeeded);
    assert_eq!(universe.state().unwrap(), before);
}

#[test]
fn what_could_not_work_is_found_before_anything_moves() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let before = universe.state().unwrap();
    for (param, value, line) in [
        ("environment", "nowhere", "failed  GitOps edit: "),
        (
            "to",
            "127.0.0.1:1/acme/web",
            "failed  destination 127.0.0.1:1/acme/web: ",
        ),
    ] {
        let data = tempfile::tempdir().unwrap();
        let run = shipped(&universe, data.path()).set(param, value);
        let status = run.run().unwrap();
        let preflight = status.task("preflight").unwrap();
        assert_eq!(preflight.fate, Fate::Failed, "{}", preflight.log());
        assert!(preflight.log().contains(line), "{}", preflight.log());
        assert_eq!(
            status.task("copy-image").unwrap().fate,
            Fate::Skipped(Skip::Stopping)
        );
        assert_eq!(universe.state().unwrap(), before);
    }
}

/// One pod does what the five do: the same results but for times, the same digests, the same state.
#[test]
fn one_pod_has_the_results_of_the_five() {
    let of = |files: Vec<std::path::PathBuf>| {
        let universe = Universe::new().unwrap();
        universe.sign_and_attest().unwrap();
        let data = tempfile::tempdir().unwrap();
        let status = promotion(Run::new(files), &universe, data.path())
            .run()
            .unwrap();
        succeeded(&status);
        let digest = &universe.image.digest;
        assert_eq!(
            universe.state().unwrap().tags["acme/web:prod-v1.0"],
            *digest
        );
        let deployed = format!("{}:prod-v1.0@{digest}", universe.production());
        assert_eq!(universe.deployed().unwrap(), deployed);
        (status, universe)
    };
    let (one, first) = of(tekton::shipped_in_one_pod());
    let (five, second) = of(tekton::shipped());
    assert_eq!(one.task_runs().len(), 1);
    assert_eq!(
        one.results.keys().collect::<Vec<_>>(),
        five.results.keys().collect::<Vec<_>>()
    );
    // The servers have other ports, keys and so digests; what is left must be the same text.
    let neutral = |text: &str, universe: &Universe| {
        let text = text
            .replace(&universe.registry.address(), "REGISTRY")
            .replace(&universe.git.address(), "GIT");
        without_digests(&text)
    };
    let pod = one.task("promote-run").unwrap();
    let mut compared = 0;
    for task in five.tasks.iter().filter(|task| !task.finally) {
        let results = task.attempts.last().map(|attempt| attempt.results.clone());
        for (name, value) in results.unwrap_or_default() {
            let own = pod
                .result(&name)
                .unwrap_or_else(|| panic!("no result {name}"));
            assert_eq!(neutral(own, &first), neutral(&value, &second), "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 16, "{compared}");
    for name in ["SOURCE_DIGEST", "DESTINATION_DIGEST"] {
        assert_eq!(pod.result(name), Some(first.image.digest.as_str()));
    }
}

/// The text with every run of 40 or more hexadecimal digits, and every number of a second, blanked.
fn without_digests(text: &str) -> String {
    let mut blank = String::new();
    let mut digits = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_hexdigit() {
            digits.push(c);
            continue;
        }
        blank.push_str(if digits.len() >= 10 { "#" } else { &digits });
        digits.clear();
        blank.push(c);
    }
    blank
}

#[test]
fn the_report_of_an_earlier_run_is_never_shown() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let data = tempfile::tempdir().unwrap();
    succeeded(&shipped(&universe, data.path()).run().unwrap());
    let report = data.path().join("report.json");
    let success = fs::read(&report).unwrap();

    // The policy cannot be used: verify-ec writes no digest.
    universe
        .set_policy(&[("release/broken.rego", "package broken\n\ndeny contains {\n")])
        .unwrap();
    let status = shipped(&universe, data.path()).run().unwrap();
    assert!(!status.succeeded);
    let shown = status.task("report").unwrap();
    assert_eq!(shown.fate, Fate::Skipped(Skip::MissingResult));

    // The report is replaced behind the verification.
    universe
        .set_policy(&[("release/broken.rego", "package broken\n")])
        .unwrap();
    let replaced = report.clone();
    let status = shipped(&universe, data.path())
        .after("verify-enterprise-contract", move || {
            fs::write(&replaced, [&success[..], b" "].concat()).unwrap();
        })
        .run()
        .unwrap();
    let shown = status.task("report").unwrap().log();
    assert!(shown.contains("the earlier step wrote"), "{shown}");
    assert!(!shown.contains("Success: true"), "{shown}");
}

#[test]
fn a_verdict_changed_on_the_workspace_is_refused() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let data = tempfile::tempdir().unwrap();
    let before = universe.state().unwrap();
    let file = data.path().join("verified.json");
    let status = shipped(&universe, data.path())
        .after("verify-enterprise-contract", move || {
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, format!("{text} ")).unwrap();
        })
        .run()
        .unwrap();
    let copy = status.task("copy-image").unwrap();
    assert_eq!(copy.exit_code(), Some(4), "{}", copy.log());
    assert_eq!(universe.state().unwrap(), before);
}

#[test]
fn a_tag_that_moved_since_the_event_is_refused() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let source = universe.source().unwrap();
    let other = source
        .commit("main", "other", &[("main.c", "int x;\n")])
        .unwrap();
    source.annotated_tag(TAG, &other).unwrap();
    let data = tempfile::tempdir().unwrap();
    let before = universe.state().unwrap();
    let status = shipped(&universe, data.path()).run().unwrap();
    for name in ["extract-destination-image-tag", "gather-images-to-verify"] {
        let task = status.task(name).unwrap();
        assert_eq!(task.exit_code(), Some(4), "{}", task.log());
    }
    assert_eq!(universe.state().unwrap(), before);
}

#[test]
fn a_hostile_tag_name_is_refused_and_nothing_is_executed() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let tag = "v1.0$(touch${IFS}PWNED)";
    universe
        .source()
        .unwrap()
        .annotated_tag(tag, &universe.commit)
        .unwrap();
    let data = tempfile::tempdir().unwrap();
    let before = universe.state().unwrap();
    let mut run = Run::new(tekton::shipped())
        .promote(PROMOTE)
        .param("git-tag", tag);
    for (name, value) in [
        ("git-url", universe.source_url()),
        ("images", format!("{COMPONENT}={}", universe.staging())),
        ("policy", universe.policy_url()),
        ("public-key", read(&universe.public_key())),
        ("ignore-rekor", "true".to_owned()),
        ("gitops-repo-url", universe.gitops_url()),
    ] {
        run = run.param(name, value);
    }
    let status = run
        .workspace("data", data.path())
        .workspace("git-credentials", universe.credentials())
        .workspace("gitops-credentials", universe.credentials())
        .run()
        .unwrap();
    let extract = status.task("extract-destination-image-tag").unwrap();
    assert_eq!(extract.exit_code(), Some(2), "{}", extract.log());
    assert!(!data.path().join("PWNED").exists());
    assert_eq!(universe.state().unwrap(), before);
}
