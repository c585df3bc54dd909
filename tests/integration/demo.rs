//! The demo: every attack ends as it must, and the same without the lie promotes the image.

use std::path::Path;

use lab::demo::{ATTACKS, Attack, check};

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

fn attack(name: &str) -> &'static Attack {
    ATTACKS.iter().find(|attack| attack.name == name).unwrap()
}

/// Plays the attack and its twin, which differs in nothing but the lie.
#[track_caller]
fn pair(name: &str) {
    for lie in [false, true] {
        if let Err(error) = check(attack(name), Path::new(PROMOTE), lie) {
            let who = if lie { "attack" } else { "twin" };
            panic!("{name} ({who}): {error:#}");
        }
    }
}

macro_rules! pairs {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { pair($name); })*

        #[test]
        fn every_attack_of_the_menu_has_a_test() {
            let tested = [$($name),*];
            let listed: Vec<_> = ATTACKS.iter().map(|attack| attack.name).collect();
            assert_eq!(listed, tested);
        }
    };
}

pairs! {
    a_hostile_tag_is_refused_and_not_executed: "hostile-tag",
    an_index_with_keys_that_differ_in_case_is_refused: "case-folded-index",
    an_unsigned_image_is_refused: "unsigned-image",
    a_signature_by_another_key_is_refused: "wrong-key",
    a_signature_of_another_image_is_refused: "signature-of-another-image",
    provenance_does_not_count_as_a_signature: "provenance-as-signature",
    attestations_of_another_image_are_refused: "attestation-of-another-image",
    provenance_for_another_commit_is_refused: "provenance-for-another-commit",
    a_stricter_policy_refuses_what_passed_before: "stricter-policy",
    a_registry_that_loses_what_a_rule_needs_is_no_pass: "failing-registry",
    the_report_of_another_run_is_not_shown: "stale-report",
    a_tag_that_moves_after_the_verdict_changes_nothing: "tag-moved-after-verify",
    a_verdict_changed_on_the_workspace_is_refused: "verified-json-changed",
    the_verdict_of_another_run_is_refused: "hand-over-of-another-run",
    a_push_race_keeps_both_commits: "gitops-push-race",
}
