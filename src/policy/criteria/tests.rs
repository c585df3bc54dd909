use proptest::prelude::*;

use super::*;
use crate::policy::config::PolicySpec;

const WEB: &str =
    "quay.io/org/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str =
    "quay.io/org/other@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn criteria(yaml: &str, at: &str) -> Criteria {
    let spec = PolicySpec::parse(yaml, "policy.yaml").unwrap();
    Criteria::new(
        &spec.sources[0],
        spec.configuration.as_ref(),
        at.parse().unwrap(),
    )
}

fn selection(yaml: &str) -> RuleSelection {
    let image = WEB.parse().unwrap();
    criteria(yaml, "2026-06-01T00:00:00Z").select(Some(&image), "web", Dialect::Promote)
}

fn config(include: &[&str], exclude: &[&str]) -> RuleSelection {
    selection(&format!(
        "sources: [{{config: {{include: {include:?}, exclude: {exclude:?}}}}}]"
    ))
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn counts(selection: &RuleSelection, code: &str, terms: &[&str], collections: &[&str]) -> bool {
    selection.includes(Some(CodedResult {
        code,
        terms: &strings(terms),
        collections: &strings(collections),
    }))
}

#[test]
fn scores_are_upstreams() {
    for (criterion, expected) in [
        ("*", 1),
        ("pkg", 10),
        ("pkg.*", 10),
        ("pkg.rule", 110),
        ("pkg:term", 110),
        ("pkg.*:term", 110),
        ("pkg.rule:term", 210),
        ("a.b.rule", 120),
        ("a.b.*", 20),
        ("*.rule", 101),
        ("@slsa3", 10),
        ("@slsa3:term", 10),
        ("pkg:", 10),
        ("pkg.rule:t:u", 210),
        ("pkg.", 10),
    ] {
        assert_eq!(score(criterion), expected, "{criterion}");
    }
}

#[test]
fn without_criteria_every_rule_is_included() {
    let all = selection("sources: [{policy: [a]}]");
    assert!(counts(&all, "a.b", &[], &[]));
}

#[test]
fn an_exclude_alone_leaves_the_rest_in() {
    let but_one = config(&[], &["a.b"]);
    assert!(!counts(&but_one, "a.b", &[], &[]));
    assert!(counts(&but_one, "a.c", &[], &[]));
}

#[test]
fn an_include_alone_leaves_the_rest_out() {
    let one = config(&["a"], &[]);
    assert!(counts(&one, "a.b", &[], &[]));
    assert!(!counts(&one, "b.a", &[], &[]));
}

#[test]
fn collections_score_as_a_package_does() {
    let slsa = config(&["@slsa3"], &["a"]);
    assert!(counts(&slsa, "b.c", &[], &["slsa3"]));
    assert!(!counts(&slsa, "b.c", &[], &["minimal"]));
    // 10 against 10: a tie excludes.
    assert!(!counts(&slsa, "a.c", &[], &["slsa3"]));
}

#[test]
fn a_tie_excludes() {
    let tie = config(&["a.b"], &["a.b"]);
    assert!(!counts(&tie, "a.b", &[], &[]));
}

#[test]
fn the_more_specific_criterion_wins() {
    let rule = config(&["a.b"], &["a"]);
    assert!(counts(&rule, "a.b", &[], &[]));
    assert!(!counts(&rule, "a.c", &[], &[]));
    let term = config(&["*"], &["a.b:x"]);
    assert!(!counts(&term, "a.b", &["x"], &[]));
    assert!(counts(&term, "a.b", &["y"], &[]));
    assert!(!counts(&term, "a.b", &["y", "x"], &[]));
}

#[test]
fn contributions_add_up_and_duplicates_count_twice() {
    let both = config(&["a", "@c"], &["a.*"]);
    assert!(counts(&both, "a.b", &[], &["c"]));
    assert!(!counts(&both, "a.b", &[], &[]));
    let twice = config(&["a", "a"], &["a.*"]);
    assert!(counts(&twice, "a.b", &[], &[]));
}

#[test]
fn stars_with_terms_or_rules_never_match() {
    let stars = config(&["a", "*:x", "*.b"], &["a.*"]);
    assert!(!counts(&stars, "a.b", &["x"], &[]));
}

#[test]
fn a_result_without_a_code_is_always_included() {
    assert!(config(&["nothing"], &["*"]).includes(None));
}

#[test]
fn a_code_without_a_package_is_matched_by_a_star_or_collection_by_upstream() {
    let image = WEB.parse().unwrap();
    for (include, ours, upstreams) in [
        ("a", true, false),
        ("*", true, true),
        ("@c", true, true),
        ("a.b", false, false),
    ] {
        let yaml = format!("sources: [{{config: {{include: ['{include}']}}}}]");
        let criteria = criteria(&yaml, "2026-06-01T00:00:00Z");
        for (dialect, included) in [(Dialect::Promote, ours), (Dialect::Conforma, upstreams)] {
            let selection = criteria.select(Some(&image), "web", dialect);
            assert_eq!(
                counts(&selection, "a", &[], &["c"]),
                included,
                "{include} {dialect:?}"
            );
        }
    }
}

#[test]
fn nested_packages_have_a_short_and_a_full_name() {
    let code = "release.maven.repos";
    for include in [
        "maven",
        "maven.repos",
        "release.maven.*",
        "release.maven.repos",
    ] {
        assert!(
            counts(&config(&[include], &[]), code, &[], &[]),
            "{include}"
        );
    }
    assert!(!counts(&config(&["release"], &[]), code, &[], &[]));
    let image = WEB.parse().unwrap();
    let yaml = "sources: [{config: {include: [release.maven.repos]}}]";
    let upstream = criteria(yaml, "2026-06-01T00:00:00Z");
    let upstream = upstream.select(Some(&image), "web", Dialect::Conforma);
    assert!(!counts(&upstream, code, &[], &[]));
}

#[test]
fn global_criteria_apply_only_to_groups_without_their_own() {
    let yaml = "configuration: {collections: [slsa3], include: [a], exclude: [a.x]}\nsources: ";
    let global = selection(&format!("{yaml} [{{policy: [p]}}]"));
    assert!(counts(&global, "b.c", &[], &["slsa3"]));
    assert!(counts(&global, "a.c", &[], &[]));
    assert!(!counts(&global, "a.x", &[], &[]));
    assert!(!counts(&global, "b.c", &[], &[]));
    let own = selection(&format!("{yaml} [{{config: {{exclude: [z.z]}}}}]"));
    assert!(counts(&own, "b.c", &[], &[]));
    let volatile = format!("{yaml} [{{volatileConfig: {{exclude: [{{value: z.z}}]}}}}]");
    assert!(counts(&selection(&volatile), "b.c", &[], &[]));
}

#[test]
fn volatile_entries_hold_from_their_first_to_their_last_moment() {
    let yaml = "sources: [{volatileConfig: {exclude: [{value: a.b, effectiveOn: '2026-03-01', effectiveUntil: '2026-04-01T12:00:00Z'}]}}]";
    let image = WEB.parse().unwrap();
    for (at, in_force) in [
        ("2026-02-28T23:59:59Z", false),
        ("2026-03-01T00:00:00Z", true),
        ("2026-04-01T12:00:00Z", true),
        ("2026-04-01T12:00:01Z", false),
    ] {
        let selection = criteria(yaml, at).select(Some(&image), "web", Dialect::Promote);
        assert_eq!(!counts(&selection, "a.b", &[], &[]), in_force, "{at}");
    }
}

#[test]
fn a_bound_that_a_volatile_entry_does_not_have_is_none() {
    let image = WEB.parse().unwrap();
    for (bound, at, in_force) in [
        ("effectiveOn: '2026-03-01'", "2026-02-28T23:59:59Z", false),
        ("effectiveOn: '2026-03-01'", "2999-01-01T00:00:00Z", true),
        ("effectiveUntil: '2026-03-01'", "1999-01-01T00:00:00Z", true),
        (
            "effectiveUntil: '2026-03-01'",
            "2026-03-01T00:00:01Z",
            false,
        ),
    ] {
        let yaml = format!("sources: [{{volatileConfig: {{exclude: [{{value: a.b, {bound}}}]}}}}]");
        let selection = criteria(&yaml, at).select(Some(&image), "web", Dialect::Promote);
        assert_eq!(
            !counts(&selection, "a.b", &[], &[]),
            in_force,
            "{bound} {at}"
        );
    }
}

#[test]
fn criteria_of_any_scope_are_a_groups_own() {
    let digest = OTHER.split_once('@').unwrap().1;
    for scope in [
        format!("imageDigest: '{digest}'"),
        "componentNames: [other]".to_owned(),
    ] {
        let entries = |side: &str| {
            format!(
                "configuration: {{include: [z]}}\nsources: [{{volatileConfig: {{{side}: [{{value: a.b, {scope}}}]}}}}]"
            )
        };
        // The global criteria are ignored, and without its own include everything is selected.
        let excluding = selection(&entries("exclude"));
        assert!(counts(&excluding, "a.b", &[], &[]), "{scope}");
        // An include for another image also replaces the default, so nothing is selected for this one.
        let including = selection(&entries("include"));
        assert!(!counts(&including, "a.b", &[], &[]), "{scope}");
        assert!(!counts(&including, "z.z", &[], &[]), "{scope}");
    }
}

#[test]
fn the_short_name_of_a_repository_is_compared_as_a_text_by_upstream_only() {
    let image = WEB.replace("quay.io/org/web", "docker.io/library/nginx");
    let image = image.parse().unwrap();
    for (url, ours, upstreams) in [
        ("nginx", true, false),
        ("docker.io/library/nginx", true, false),
        ("index.docker.io/library/nginx", true, true),
        ("docker.io/org/nginx", false, false),
    ] {
        let yaml = format!(
            "sources: [{{volatileConfig: {{exclude: [{{value: a.b, imageUrl: {url}}}]}}}}]"
        );
        let criteria = criteria(&yaml, "2026-06-01T00:00:00Z");
        for (dialect, excluded) in [(Dialect::Promote, ours), (Dialect::Conforma, upstreams)] {
            let selection = criteria.select(Some(&image), "web", dialect);
            assert_eq!(
                !counts(&selection, "a.b", &[], &[]),
                excluded,
                "{url} {dialect:?}"
            );
        }
    }
}

#[test]
fn volatile_entries_hold_for_their_image_or_component_only() {
    let digest = WEB.split_once('@').unwrap().1;
    for scope in [
        format!("imageRef: '{digest}'"),
        format!("imageDigest: '{digest}'"),
        "imageUrl: quay.io/org/web".to_owned(),
        "componentNames: [other, web]".to_owned(),
    ] {
        let yaml = format!("sources: [{{volatileConfig: {{exclude: [{{value: a.b, {scope}}}]}}}}]");
        let criteria = criteria(&yaml, "2026-06-01T00:00:00Z");
        let counts_for = |image: &str, name: &str| {
            let image = image.parse().unwrap();
            counts(
                &criteria.select(Some(&image), name, Dialect::Promote),
                "a.b",
                &[],
                &[],
            )
        };
        assert!(!counts_for(WEB, "web"), "{scope}");
        assert!(counts_for(OTHER, "third"), "{scope}");
    }
}

#[test]
fn without_an_image_only_exceptions_for_all_images_apply() {
    let yaml = "sources: [{config: {exclude: [c.d]}, volatileConfig: {exclude: [{value: a.b, imageUrl: quay.io/org/web}]}}]";
    let nothing = criteria(yaml, "2026-06-01T00:00:00Z").select(None, "web", Dialect::Promote);
    assert!(counts(&nothing, "a.b", &[], &[]));
    assert!(!counts(&nothing, "c.d", &[], &[]));
}

#[test]
fn a_component_scope_covers_the_children_of_its_index() {
    let yaml = "sources: [{volatileConfig: {exclude: [{value: a.b, componentNames: [web]}]}}]";
    let criteria = criteria(yaml, "2026-06-01T00:00:00Z");
    let image = WEB.parse().unwrap();
    let digest = WEB.split_once('@').unwrap().1;
    for (name, covered) in [
        (format!("web-{digest}-arm64"), true),
        (format!("web-{digest}-arm64-{digest}-noarch-0"), true),
        (format!("web-sha256:aa-{digest}-arm64"), false),
        (format!("web-{digest}-arm 64"), false),
        (format!("web-{digest}"), false),
        (format!("web-{digest}-"), false),
        (format!("web2-{digest}-arm64"), false),
        ("web-sha256:aa-arm64".to_owned(), false),
    ] {
        let selection = criteria.select(Some(&image), &name, Dialect::Promote);
        assert_eq!(!counts(&selection, "a.b", &[], &[]), covered, "{name}");
    }
}

#[test]
fn an_include_with_a_term_opens_its_package() {
    let yaml = "sources: [{config: {include: ['a.b:x', c]}}]";
    let image = WEB.parse().unwrap();
    let criteria = criteria(yaml, "2026-06-01T00:00:00Z");
    let fixed = criteria.select(Some(&image), "web", Dialect::Promote);
    assert!(fixed.opens("a.b", &[]));
    assert!(!fixed.opens("a.c", &[]));
    let upstream = criteria.select(Some(&image), "web", Dialect::Conforma);
    assert!(!upstream.opens("a.b", &[]));
    assert!(upstream.opens("c.d", &[]));
}

#[test]
fn any_include_of_its_package_opens_a_rule_without_a_code() {
    for (include, exclude, opened) in [
        ("a.x", "b", true),
        ("a.x", "a", true),
        ("a.x", "a.x", false),
        ("a.x:t", "a.x", true),
        ("deep.a.x", "b", true),
        ("a.deny", "b", true),
        ("a", "a.deny", false),
        ("b.x", "c", false),
        ("@x", "c", false),
    ] {
        let one = config(&[include], &[exclude]);
        assert_eq!(
            one.opens_unnamed("deep.a", "deny"),
            opened,
            "{include} {exclude}"
        );
    }
}

#[test]
fn an_include_for_a_component_opens_its_package() {
    let yaml = "sources: [{config: {include: [c]}, volatileConfig: {include: [{value: a, componentNames: [web]}]}}]";
    let image = WEB.parse().unwrap();
    let criteria = criteria(yaml, "2026-06-01T00:00:00Z");
    assert!(
        criteria
            .select(Some(&image), "web", Dialect::Promote)
            .opens("a.b", &[])
    );
    assert!(
        !criteria
            .select(Some(&image), "web", Dialect::Conforma)
            .opens("a.b", &[])
    );
}

#[test]
fn names_the_includes_that_matched_nothing() {
    let digest = OTHER.split_once('@').unwrap().1;
    let yaml = format!(
        "sources: [{{config: {{include: [a, '@none', 'b.c:x']}}, volatileConfig: {{include: [{{value: d, imageDigest: '{digest}'}}, {{value: e, componentNames: [web]}}]}}}}]"
    );
    let terms = strings(&["x"]);
    let found = || {
        [("a.z", &[][..]), ("b.c", &terms[..])]
            .into_iter()
            .map(|(code, terms)| CodedResult {
                code,
                terms,
                collections: &[],
            })
    };
    let criteria = criteria(&yaml, "2026-06-01T00:00:00Z");
    let image = WEB.parse().unwrap();
    let fixed = criteria.select(Some(&image), "web", Dialect::Promote);
    assert_eq!(fixed.unmatched(found()), ["@none"]);
    let upstream = criteria.select(Some(&image), "web", Dialect::Conforma);
    assert_eq!(upstream.unmatched(found()), ["d", "@none"]);
}

/// An independent model, which parses each criterion instead of comparing it with a list of texts.
mod model {
    pub(super) struct Result<'a> {
        pub(super) package: &'a str,
        pub(super) rule: &'a str,
        pub(super) terms: &'a [String],
        pub(super) collections: &'a [String],
    }

    fn weight(criterion: &str, result: &Result<'_>) -> Option<u32> {
        if criterion == "*" {
            return Some(1);
        }
        if let Some(collection) = criterion.strip_prefix('@') {
            return result
                .collections
                .iter()
                .any(|c| c == collection)
                .then_some(10);
        }
        let mut weight = 0;
        let mut name = criterion;
        if let Some(colon) = criterion.find(':') {
            let term = &criterion[colon + 1..];
            if !result.terms.iter().any(|t| t == term) {
                return None;
            }
            name = &criterion[..colon];
            weight += 100;
        }
        let mut parts = name.split('.');
        if parts.next() != Some(result.package) {
            return None;
        }
        weight += 10;
        match parts.next() {
            None | Some("*") => {}
            Some(rule) if rule == result.rule => weight += 100,
            Some(_) => return None,
        }
        parts.next().is_none().then_some(weight)
    }

    pub(super) fn counts(include: &[String], exclude: &[String], result: &Result<'_>) -> bool {
        let everything = [String::from("*")];
        let include = if include.is_empty() {
            &everything
        } else {
            include
        };
        let sum = |side: &[String]| side.iter().filter_map(|c| weight(c, result)).sum::<u32>();
        sum(include) > sum(exclude)
    }
}

proptest! {
    #[test]
    fn the_model_agrees(
        include in prop::collection::vec("(\\*|@[cd]|[ab](\\.([xy]|\\*))?(:[tu])?)", 0..5),
        exclude in prop::collection::vec("(\\*|@[cd]|[ab](\\.([xy]|\\*))?(:[tu])?)", 0..5),
        package in "[ab]",
        rule in "[xy]",
        terms in prop::collection::vec("[tu]", 0..3),
        collections in prop::collection::btree_set("[cd]", 0..2),
    ) {
        let collections: Vec<String> = collections.into_iter().collect();
        let group = Group {
            config: Some(crate::policy::config::GroupCriteria { include: include.clone(), exclude: exclude.clone() }),
            ..Group::default()
        };
        let image = WEB.parse().unwrap();
        let criteria = Criteria::new(&group, None, "2026-06-01T00:00:00Z".parse().unwrap());
        let code = format!("{package}.{rule}");
        let candidate = CodedResult { code: &code, terms: &terms, collections: &collections };
        let result = model::Result { package: &package, rule: &rule, terms: &terms, collections: &collections };
        for dialect in [Dialect::Promote, Dialect::Conforma] {
            let ours = criteria.select(Some(&image), "web", dialect).includes(Some(candidate));
            prop_assert_eq!(ours, model::counts(&include, &exclude, &result));
        }
    }

    #[test]
    fn an_included_rule_is_in_an_opened_package(
        include in prop::collection::vec("(\\*|@[cd]|[ab](\\.([xy]|\\*))?(:[tu])?)", 0..5),
        exclude in prop::collection::vec("(\\*|@[cd]|[ab](\\.([xy]|\\*))?(:[tu])?)", 0..5),
        terms in prop::collection::vec("[tu]", 1..3),
    ) {
        let group = Group {
            config: Some(crate::policy::config::GroupCriteria { include, exclude }),
            ..Group::default()
        };
        let image = WEB.parse().unwrap();
        let criteria = Criteria::new(&group, None, "2026-06-01T00:00:00Z".parse().unwrap());
        let selection = criteria.select(Some(&image), "web", Dialect::Promote);
        let candidate = CodedResult { code: "a.x", terms: &terms, collections: &[] };
        if selection.includes(Some(candidate)) {
            prop_assert!(selection.opens("a.x", &[]));
        }
    }
}
