//! The trigger of the shipped Pipeline: which names of tags start a run.

use lab::{
    event,
    tekton::{self, Run},
    universe::Universe,
};

/// Names that Git takes for a tag and that mean something to a template, to YAML, to Kubernetes, to a shell or to
/// the command line.
const ODD: [&str; 16] = [
    "v1.0\"",
    "v1.0'",
    "v1.0#x",
    "#v1.0",
    "v1.0{{revision}}",
    "{{sender}}",
    "v1.0{x}",
    "v1.0$(touch${IFS}x)",
    "$(PASSWORD)",
    "-v1.0",
    "--tag=v2",
    "v1.0;x",
    "v1.0&x",
    "v1.0|x",
    "v1.0%0a",
    "v1.0\u{202e}x",
];

#[test]
fn no_odd_name_of_a_tag_starts_a_run() {
    let universe = Universe::new().unwrap();
    let start = |tag: &str| {
        let push = event::tag_push(
            "gitlab-tag-push",
            tag,
            &universe.commit,
            &universe.source_page(),
        );
        Run::new(tekton::shipped())
            .text("on-tag.yaml", universe.pipeline_run().unwrap())
            .event(push.unwrap())
            .param("public-key", "PEM")
            .promote("/no/such/program")
            .run()
    };
    for tag in ODD {
        let refused = format!("{:#}", start(tag).unwrap_err());
        assert!(
            refused.contains("does not start it") || refused.contains("is not implemented"),
            "{tag}: {refused}"
        );
    }
    // Honest names get past the trigger, to what this test leaves out.
    for tag in ["v1.0", "release/2026.11", "1.0+build.5", "v1.0-rc1", "_x"] {
        let reached = format!("{:#}", start(tag).unwrap_err());
        assert!(!reached.contains("does not start it"), "{tag}: {reached}");
        assert!(reached.contains("workspace"), "{tag}: {reached}");
    }
}

#[test]
fn names_the_params_that_only_a_cluster_can_fill() {
    let universe = Universe::new().unwrap();
    let start = |run: Run| format!("{:#}", run.promote("/no/such/program").run().unwrap_err());
    let push = event::tag_push(
        "gitlab-tag-push",
        "v1.0",
        &universe.commit,
        &universe.source_page(),
    )
    .unwrap();
    let run = || {
        Run::new(tekton::shipped())
            .text("on-tag.yaml", universe.pipeline_run().unwrap())
            .event(push.clone())
    };
    let refused = start(run());
    assert!(refused.contains("--param public-key=VALUE"), "{refused}");
    assert!(refused.contains("k8s://"), "{refused}");
    let given = start(run().param("public-key", "PEM"));
    assert!(!given.contains("public-key"), "{given}");
}
