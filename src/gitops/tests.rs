//! Tests byte-exact edits and refusals. `OLD` marks the text that must change; everything else must not.

mod helm;

use std::collections::BTreeMap;

use super::*;
use crate::image::Reference;

const OLD: &str = "quay.io/acme/web:v0@sha256:00";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NEW: &str = "quay.io/acme/web:prod-v1.0@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(super) fn at(locator: Locator, image: &str) -> Edit {
    Edit {
        locator,
        environment: "prod".to_owned(),
        component: TargetComponent {
            name: "web".to_owned(),
            repositories: vec!["quay.io/acme/web".to_owned()],
        },
        image: image.parse::<Reference>().unwrap(),
        options: EditOptions {
            single: true,
            ..EditOptions::default()
        },
        document: None,
    }
}

fn container() -> Edit {
    at(Locator::File("f.yaml".to_owned()), NEW)
}

fn path(text: &str) -> Edit {
    at(Locator::Path("f.yaml".to_owned(), text.to_owned()), NEW)
}

fn edited(file: &str, edit: &Edit) -> Result<(String, EditOutcome), Error> {
    let files = BTreeMap::from([("f.yaml".to_owned(), file.as_bytes().to_vec())]);
    let tree = Tree::of(files);
    let done = update(&tree, edit)?;
    let after = tree.read("f.yaml")?.unwrap();
    Ok((String::from_utf8(after.to_vec()).unwrap(), done))
}

/// Edits a file in which `OLD` is set once and compares every byte.
#[track_caller]
fn exact(file: &str, edit: &Edit) {
    let (after, done) = edited(&file.replace("OLD", OLD), edit).unwrap();
    assert_eq!(after, file.replace("OLD", NEW));
    assert_eq!(done.places.len(), 1);
    assert_eq!(
        (done.places[0].old.as_str(), done.places[0].new.as_str()),
        (OLD, NEW)
    );
}

const PATCH: &str = "# keep me   \napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}   # and me\nspec:\n  template:\n    spec:\n      containers:\n        - name: sidecar\n          image: 'quay.io/x/y:v1'\n        - image:   IMAGE   # trailing\n          name: web\n\n\n";

#[test]
fn changes_the_scalar_and_nothing_else() {
    for image in ["OLD", "\"OLD\"", "'OLD'"] {
        let file = PATCH.replace("IMAGE", image);
        exact(&file, &container());
        exact(&file.replace('\n', "\r\n"), &container());
        exact(&format!("---\nkind: Service\n---\n{file}"), &container());
    }
    for file in [
        "spec: {template: {spec: {containers: [{name: web, image: OLD, x: 1}]}}}\n",
        "{\"spec\": {\"containers\": [{\"name\": \"web\", \"image\": \"OLD\"}]}}",
        r"spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - name: web
            image: OLD
",
        r"spec:
  template:
    spec:
      containers:
      - name: other
        image: OLD",
        r"kind: List
items:
- kind: Pod
  spec: {containers: [{name: web, image: OLD}]}
",
    ] {
        exact(file, &container());
    }
}

#[test]
fn finds_by_path() {
    exact(
        &PATCH.replace("IMAGE", "OLD"),
        &path(".spec.template.spec.containers[name=web].image"),
    );
    exact("a:\n- image: x\n- image: OLD\n", &path("a[1].image"));
    exact("a:\n  x.y/z: {image: OLD}\n", &path("a.\"x.y/z\".image"));
    let inner = r"kind: Application
spec:
  source:
    helm:
      values: |
        web:
          image: OLD # here
";
    exact(inner, &path("spec.source.helm.values.web.image"));
    exact(inner, &path("web.image"));
    exact(
        "kind: HelmRelease\nspec: {values: {image: OLD}}\n",
        &path("image"),
    );
}

#[test]
fn an_edit_to_the_same_text_changes_no_byte() {
    let file = PATCH.replace("IMAGE", NEW);
    let (after, done) = edited(&file, &container()).unwrap();
    assert_eq!(after, file);
    assert_eq!(done.places[0].old, done.places[0].new);
}

#[test]
fn quotes_what_would_not_stay_a_string() {
    let values = "image:\n  repository: quay.io/acme/web\n  tag: v1 # c\n";
    let tagged = |values: &str, tag: &str| {
        let edit = at(
            Locator::Path("f.yaml".to_owned(), "image".to_owned()),
            &format!("quay.io/acme/web:{tag}"),
        );
        edited(values, &edit).unwrap().0
    };
    assert_eq!(tagged(values, "v2"), values.replace("v1", "v2"));
    for tag in ["1.10", "0x1", "1e3", "true", "No", "2026-01-02", "_"] {
        assert_eq!(
            tagged(values, tag),
            values.replace("v1", &format!("\"{tag}\""))
        );
    }
    // A number stays a number.
    let number = values.replace("v1", "1.9");
    assert_eq!(tagged(&number, "1.11"), values.replace("v1", "1.11"));
    assert_eq!(tagged(&number, "2"), values.replace("v1", "\"2\""));
    let address = "image: a/web:v1\n";
    let edit = at(
        Locator::Path("f.yaml".to_owned(), "image".to_owned()),
        "127.0.0.1:5000/a/web:v2",
    );
    assert_eq!(
        edited(address, &edit).unwrap().0,
        "image: 127.0.0.1:5000/a/web:v2\n"
    );
}

#[track_caller]
fn refused(file: &str, edit: &Edit) -> Error {
    let error = edited(file, edit).unwrap_err();
    assert!(!error.hint().is_empty(), "{error}");
    error
}

#[test]
fn refuses_what_an_edit_would_change_elsewhere_too() {
    let pod = |image: &str| {
        format!(
            r"x: &shared a/web:v1
spec:
  containers:
  - name: web
    image: {image}
"
        )
    };
    for image in [
        "*shared",
        "&i a/b:v1\n    other: *i",
        "\"{{ .Values.image }}\"",
        "|\n      a/b:v1",
        "a:v1\n    image: b:v1",
        "'${IMAGE}'",
    ] {
        let error = refused(&pod(image), &container());
        assert!(
            matches!(error, Error::NotEditable { .. }),
            "{image}: {error}"
        );
        assert!(error.to_string().starts_with("f.yaml:"), "{error}");
    }
    let anchor = "a: &a {image: x/web:v0}\nb: *a\n";
    for key in ["a.image", "b.image"] {
        assert!(
            matches!(refused(anchor, &path(key)), Error::NotEditable { .. }),
            "{key}"
        );
    }
    let mut allowed = path("a.image");
    allowed.options.allow_shared = true;
    assert_eq!(
        edited(anchor, &allowed).unwrap().0,
        anchor.replace("x/web:v0", NEW)
    );
    let mut variable = container();
    variable.options.overwrite_variable = true;
    let file = pod("'${IMAGE}'");
    assert_eq!(
        edited(&file, &variable).unwrap().0,
        file.replace("${IMAGE}", NEW)
    );
}

#[test]
fn refuses_what_is_missing_or_ambiguous() {
    let pod = |containers: &str| format!("spec:\n  containers: [{containers}]\n");
    let two = pod("{name: a, image: x}, {name: b, image: y}");
    assert!(matches!(
        refused(&two, &container()),
        Error::NoContainer { .. }
    ));
    let twice = pod("{name: web, image: x}, {name: web, image: y}");
    assert!(matches!(
        refused(&twice, &container()),
        Error::Ambiguous { .. }
    ));
    let foreign = pod("{name: main, image: 'quay.io/other/thing:v1'}");
    assert!(matches!(
        refused(&foreign, &container()),
        Error::NoContainer { .. }
    ));
    assert!(matches!(
        refused("kind: Service\n", &container()),
        Error::NoContainer { .. }
    ));
    let missing = refused("a: 1\nimage: x\n", &path("b"));
    assert!(missing.to_string().contains("keys a, image"), "{missing}");
    assert!(matches!(
        refused("image: a/web\n---\nimage: a/web\n", &path("image")),
        Error::Ambiguous { .. }
    ));
    assert!(matches!(
        refused("a: 1\n", &path("a[")),
        Error::PathSyntax { .. }
    ));
    assert!(matches!(
        refused("a: [\n", &container()),
        Error::Parse { .. }
    ));
    assert!(matches!(
        refused("spec: {replicas: 3}\n", &path("spec.replicas")),
        Error::NotEditable { .. }
    ));
    let sops = "image: quay.io/acme/web:v0\nsops:\n  mac: x\n";
    assert!(matches!(
        refused(sops, &path("image")),
        Error::NotEditable { .. }
    ));
    exact(
        r"image: OLD
sops:
  mac: x
  mac_only_encrypted: true
",
        &path("image"),
    );
    let generated = "# Code generated by x. DO NOT EDIT.\nimage: quay.io/acme/web:v0\n";
    assert!(matches!(
        refused(generated, &path("image")),
        Error::NotEditable { .. }
    ));
}

#[test]
fn a_document_of_many_is_chosen() {
    let pods = r"kind: Pod
metadata: {name: a}
spec: {containers: [{name: web, image: x}]}
---
kind: Pod
metadata: {name: b}
spec: {containers: [{name: web, image: OLD}]}
";
    for document in ["Pod/b", "pod/b", "1"] {
        for edit in [container(), path("spec.containers[0].image")] {
            exact(
                pods,
                &Edit {
                    document: Some(document.to_owned()),
                    ..edit
                },
            );
        }
    }
    let missing = Edit {
        document: Some("Pod/c".to_owned()),
        ..path("spec.containers[0].image")
    };
    assert!(refused(pods, &missing).to_string().contains("Pod/a, Pod/b"));
}

#[test]
fn a_short_name_stays_short() {
    let file = "spec: {containers: [{name: a, image: 'nginx:1'}, {name: b, image: 'httpd:1'}]}\n";
    let mut edit = at(
        Locator::File("f.yaml".to_owned()),
        "docker.io/library/nginx:2",
    );
    edit.component.repositories = vec!["docker.io/library/nginx".to_owned()];
    assert_eq!(
        edited(file, &edit).unwrap().0,
        file.replace("nginx:1", "nginx:2")
    );
}

#[test]
fn two_components_never_write_one_scalar() {
    let file = "spec: {containers: [{name: web, image: 'quay.io/acme/web:v0'}]}\n";
    let tree = Tree::of(BTreeMap::from([(
        "f.yaml".to_owned(),
        file.as_bytes().to_vec(),
    )]));
    update(&tree, &container()).unwrap();
    let mut api = container();
    api.component = TargetComponent {
        name: "api".to_owned(),
        repositories: vec!["quay.io/acme/web".to_owned()],
    };
    assert!(matches!(update(&tree, &api), Err(Error::Claimed { .. })));
}

#[test]
fn edits_what_a_setter_marker_names_and_only_that() {
    let file = r#"a: quay.io/acme/web:v0 # {"$imagepolicy": "x:web"}
b: quay.io/acme/api:v0 # {"$imagepolicy": "x:api"}
c:
  - name: quay.io/acme/web # {"$imagepolicy": "x:web:name"}
    tag: v0 # {"$imagepolicy": "x:web:tag"}
"#;
    let setter = |namespace: Option<&str>, image: &str| {
        at(
            Locator::Setter {
                file: None,
                namespace: namespace.map(str::to_owned),
            },
            image,
        )
    };
    let (after, done) = edited(file, &setter(None, NEW)).unwrap();
    let expected = file
        .replace("a: quay.io/acme/web:v0", &format!("a: {NEW}"))
        .replace("tag: v0", "tag: prod-v1.0");
    assert_eq!(after, expected);
    assert!(
        done.warnings
            .iter()
            .any(|warning| warning.contains("digest is lost")),
        "{:?}",
        done.warnings
    );
    let by_digest = format!("quay.io/acme/web@{DIGEST}");
    assert!(matches!(
        refused(file, &setter(None, &by_digest)),
        Error::NotEditable { .. }
    ));
    let two = format!("{file}d: quay.io/acme/web:v0 # {{\"$imagepolicy\": \"dev:web\"}}\n");
    assert!(matches!(
        refused(&two, &setter(None, NEW)),
        Error::Ambiguous { .. }
    ));
    assert_eq!(
        edited(&two, &setter(Some("x"), NEW)).unwrap().0,
        format!("{expected}d: quay.io/acme/web:v0 # {{\"$imagepolicy\": \"dev:web\"}}\n")
    );
    let mut other = setter(None, NEW);
    other.component.name = "db".to_owned();
    assert!(refused(file, &other).to_string().contains("x:api"));
}

/// Returns a scalar in one of the usual styles of images.
fn styled(image: &str, style: u8) -> String {
    match style % 4 {
        0 => image.to_owned(),
        1 => format!("\"{image}\""),
        2 => format!("'{image}'"),
        _ => format!("!!str {image}"),
    }
}

proptest::proptest! {
    /// In any surroundings only the bytes of the one scalar change, and a second parser sees one
    /// changed value.
    #[test]
    fn an_edit_touches_one_scalar_in_any_surroundings(
        names in proptest::collection::vec("[a-v]{1,8}", 0..4),
        at in 0_usize..4,
        style in 0_u8..4,
        flow: bool,
        crlf: bool,
        comment in "[ -~äß]{0,20}",
        blanks in " {0,3}",
        indent in 1_usize..5,
    ) {
        let item = |name: &str, image: &str| if flow {
            format!("{{name: {name}, image: {image}, note: [1, 'x']}}")
        } else {
            format!("name: {name}\n{pad}  image: {image}{blanks} # {comment}\n{pad}  note: |\n{pad}    {comment}x", pad = " ".repeat(indent))
        };
        let mut items: Vec<_> = names.iter().map(|name| item(name, "x/y:z")).collect();
        items.insert(at.min(items.len()), item("web", &styled("OLD", style)));
        let items = items.iter().map(|item| format!("{}- {item}\n", " ".repeat(indent)));
        let mut file = format!("# {comment}\nspec:\n containers:\n{}", items.collect::<String>());
        if crlf {
            file = file.replace('\n', "\r\n");
        }
        let (after, _) = edited(&file, &container()).unwrap();
        let (head, tail) = file.split_once("OLD").unwrap();
        proptest::prop_assert!(after.starts_with(head) && after.ends_with(tail));
        let image = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).unwrap();
        let (mut seen, now) = (image(&file), image(&after));
        for item in seen["spec"]["containers"].as_array_mut().unwrap() {
            if item["name"] == "web" {
                item["image"] = NEW.into();
            }
        }
        proptest::prop_assert_eq!(seen, now);
    }
}
