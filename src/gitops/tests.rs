//! Byte-exact edits and the refusals. `OLD` marks what must change; everything else must not.

use super::*;

const OLD: &str = "quay.io/acme/web:v0@sha256:00";
const NEW: &str = "quay.io/acme/web:prod-v1.0@sha256:11";

fn web() -> Locator {
    Locator::Container {
        name: "web".to_owned(),
        repositories: vec!["quay.io/acme/web".to_owned()],
    }
}

/// Edits a file in which `OLD` stands once and compares every byte.
#[track_caller]
fn exact(file: &str, locator: &Locator) {
    let before = file.replace("OLD", OLD);
    let edit = set_image("f.yaml", before.as_bytes(), locator, NEW).unwrap();
    assert_eq!(
        String::from_utf8(edit.content).unwrap(),
        file.replace("OLD", NEW)
    );
    assert_eq!(edit.previous, OLD);
}

const PATCH: &str = "# keep me   \napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}   # and me\nspec:\n  template:\n    spec:\n      containers:\n        - name: sidecar\n          image: 'quay.io/x/y:v1'\n        - image:   IMAGE   # trailing\n          name: web\n\n\n";

#[test]
fn changes_the_scalar_and_nothing_else() {
    for image in ["OLD", "\"OLD\"", "'OLD'"] {
        let file = PATCH.replace("IMAGE", image);
        exact(&file, &web());
        exact(&file.replace('\n', "\r\n"), &web());
        exact(&format!("---\nkind: Service\n---\n{file}"), &web());
    }
    exact(
        "spec: {template: {spec: {containers: [{name: web, image: OLD, x: 1}]}}}\n",
        &web(),
    );
    exact(
        "{\"spec\": {\"containers\": [{\"name\": \"web\", \"image\": \"OLD\"}]}}",
        &web(),
    );
    exact(
        "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n          - name: web\n            image: OLD\n",
        &web(),
    );
    exact(
        "spec:\n  template:\n    spec:\n      containers:\n      - name: other\n        image: OLD",
        &web(),
    );
}

#[test]
fn finds_by_path() {
    let path = Locator::Path(".spec.template.spec.containers[name=web].image".to_owned());
    exact(&PATCH.replace("IMAGE", "OLD"), &path);
    exact(
        "a:\n- b: x\n- b: OLD\n",
        &Locator::Path("a[1].b".to_owned()),
    );
}

#[test]
fn an_edit_to_the_same_text_changes_no_byte() {
    let file = PATCH.replace("IMAGE", OLD);
    assert_eq!(
        set_image("f", file.as_bytes(), &web(), OLD)
            .unwrap()
            .content,
        file.as_bytes()
    );
}

#[test]
fn quotes_what_would_not_stay_a_string() {
    let edit = set_image("f", b"tag: v1\n", &Locator::Path("tag".to_owned()), "1.10").unwrap();
    assert_eq!(edit.content, b"tag: \"1.10\"\n");
}

#[track_caller]
fn refused(file: &str, locator: &Locator) -> Error {
    set_image("f.yaml", file.as_bytes(), locator, NEW).unwrap_err()
}

#[test]
fn refuses_what_an_edit_would_change_elsewhere_too() {
    let container = |image: &str| {
        format!("x: &shared a/b:v1\nspec:\n  containers:\n  - name: web\n    image: {image}\n")
    };
    for image in [
        "*shared",
        "&i a/b:v1\n  other: *i",
        "\"{{ .Values.image }}\"",
        "|\n      a/b:v1",
        "[a]",
        "a:v1\n    image: b:v1",
    ] {
        let error = refused(&container(image), &web());
        assert!(
            matches!(error, Error::NotEditable { .. }),
            "{image}: {error}"
        );
    }
    let through = refused(
        "a: &a {image: x}\nb: *a\n",
        &Locator::Path("b.image".to_owned()),
    );
    assert!(matches!(through, Error::NotEditable { .. }), "{through}");
    let below = refused(
        "a: &a {image: x}\nb: *a\n",
        &Locator::Path("a.image".to_owned()),
    );
    assert!(matches!(below, Error::NotEditable { .. }), "{below}");
}

#[test]
fn refuses_what_is_missing_or_ambiguous() {
    let two = "spec:\n  containers:\n  - {name: a, image: x}\n  - {name: b, image: y}\n";
    assert!(matches!(refused(two, &web()), Error::NoContainer { .. }));
    let twice = "spec:\n  containers:\n  - {name: web, image: x}\n  - {name: web, image: y}\n";
    assert!(matches!(refused(twice, &web()), Error::Ambiguous { .. }));
    assert!(matches!(
        refused("kind: Service\n", &web()),
        Error::NoContainer { .. }
    ));
    assert!(matches!(
        refused("spec:\n  containers:\n  - name: web\n", &web()),
        Error::NothingThere { .. }
    ));
    assert!(matches!(
        refused("a: 1\n", &Locator::Path("b".to_owned())),
        Error::NothingThere { .. }
    ));
    assert!(matches!(
        refused("a: 1\n---\na: 2\n", &Locator::Path("a".to_owned())),
        Error::Ambiguous { .. }
    ));
    assert!(matches!(
        refused("a: 1\n", &Locator::Path("a[".to_owned())),
        Error::PathSyntax { .. }
    ));
    assert!(matches!(
        refused("image: {{ .Values.x }}\n", &web()),
        Error::Parse { .. } | Error::NoContainer { .. }
    ));
    assert!(matches!(refused("a: [\n", &web()), Error::Parse { .. }));
}
