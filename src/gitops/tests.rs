//! Byte-exact edits and the refusals. `OLD` marks what must change; everything else must not.

use super::*;

const OLD: &str = "quay.io/acme/web:v0@sha256:00";
const NEW: &str = "quay.io/acme/web:prod-v1.0@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn component() -> Component {
    Component {
        name: "web".to_owned(),
        repositories: vec!["quay.io/acme/web".to_owned()],
    }
}

fn new() -> Reference {
    NEW.parse().unwrap()
}

fn web() -> Locator {
    Locator::Container(component())
}

/// Edits a file in which `OLD` stands once and compares every byte.
#[track_caller]
fn exact(file: &str, locator: &Locator) {
    let before = file.replace("OLD", OLD);
    let edit = set_image("f.yaml", before.as_bytes(), locator, &new()).unwrap();
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
    let file = PATCH.replace("IMAGE", NEW);
    assert_eq!(
        set_image("f", file.as_bytes(), &web(), &new())
            .unwrap()
            .content,
        file.as_bytes()
    );
}

#[test]
fn an_address_needs_no_quotes() {
    let path = Locator::Path("image".to_owned());
    let edit = set_image(
        "f",
        b"image: a/b:v1\n",
        &path,
        &"127.0.0.1:5000/a/b:v2".parse().unwrap(),
    )
    .unwrap();
    assert_eq!(edit.content, b"image: 127.0.0.1:5000/a/b:v2\n");
}

#[test]
fn quotes_what_would_not_stay_a_string() {
    let values = "image:\n  repository: quay.io/acme/web\n  tag: v1 # c\n";
    let edited = |tag: &str| {
        let image = format!("quay.io/acme/web:{tag}").parse().unwrap();
        let edit = set_image(
            "f",
            values.as_bytes(),
            &Locator::Helm("image".to_owned()),
            &image,
        );
        String::from_utf8(edit.unwrap().content).unwrap()
    };
    assert_eq!(edited("v2"), values.replace("v1", "v2"));
    for tag in ["1.10", "0x1", "1e3", "true", "No", "2026-01-02", "_"] {
        assert_eq!(edited(tag), values.replace("v1", &format!("\"{tag}\"")));
    }
}

#[track_caller]
fn refused(file: &str, locator: &Locator) -> Error {
    set_image("f.yaml", file.as_bytes(), locator, &new()).unwrap_err()
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

#[test]
fn refuses_a_duplicated_key_on_the_way() {
    let file = "spec:\n  containers: [{name: web, image: x}]\nspec:\n  containers: [{name: web, image: y}]\n";
    let error = refused(file, &web());
    assert!(
        matches!(error, Error::NotEditable { .. } | Error::Parse { .. }),
        "{error}"
    );
}

#[test]
fn a_short_name_is_the_same_repository() {
    let file = "spec: {containers: [{name: a, image: nginx:1}, {name: b, image: httpd:1}]}\n";
    let locator = Locator::Container(Component {
        name: "proxy".to_owned(),
        repositories: vec!["docker.io/library/nginx".to_owned()],
    });
    let edit = set_image("f", file.as_bytes(), &locator, &new()).unwrap();
    let expected = file.replace("nginx:1", &format!("\"{NEW}\""));
    let plain = file.replace("nginx:1", NEW);
    let found = String::from_utf8(edit.content).unwrap();
    assert!(found == plain || found == expected, "{found}");
}

/// Edits a file and compares it with the same file after the replacements.
#[track_caller]
fn replaced(file: &str, locator: &Locator, image: &str, replacements: &[(&str, &str)]) {
    let edit = set_image("f", file.as_bytes(), locator, &image.parse().unwrap()).unwrap();
    let expected = replacements
        .iter()
        .fold(file.to_owned(), |text, (old, new)| text.replace(old, new));
    assert_ne!(expected, file);
    assert_eq!(String::from_utf8(edit.content).unwrap(), expected);
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const KUSTOMIZATION: &str = "resources: [../base]   # base\n\nimages:\n  # the sidecar\n  - name: quay.io/x/y\n    newTag: v1\n  - newName: quay.io/acme/staging  # moved\n    name: web\n    newTag: OLDTAG\n    digest: 'OLDDIGEST'\n";

#[test]
fn edits_the_parts_of_a_kustomizations_entry() {
    let locator = Locator::Kustomize(component());
    let both = [
        ("quay.io/acme/staging", "quay.io/acme/web"),
        ("OLDTAG", "prod-v1.0"),
        ("OLDDIGEST", DIGEST),
    ];
    replaced(KUSTOMIZATION, &locator, NEW, &both);
    let tag = "images:\n- {name: quay.io/acme/web, newTag: \"v0\"}\n";
    replaced(
        tag,
        &locator,
        NEW,
        &[("v0", &format!("prod-v1.0@{DIGEST}"))],
    );
    replaced(tag, &locator, "quay.io/acme/web:v2", &[("v0", "v2")]);
    let digest = "images:\n- name: quay.io/acme/web\n  digest: old\n";
    replaced(digest, &locator, NEW, &[("old", DIGEST)]);
}

#[test]
fn refuses_an_entry_in_which_an_old_part_would_stay() {
    let locator = Locator::Kustomize(component());
    let refuse = |file: &str, image: &str| {
        set_image("f", file.as_bytes(), &locator, &image.parse().unwrap()).unwrap_err()
    };
    let by_tag = refuse(KUSTOMIZATION, "quay.io/acme/web:v2");
    assert!(matches!(by_tag, Error::NotEditable { .. }), "{by_tag}");
    let by_digest = refuse(KUSTOMIZATION, &format!("quay.io/acme/web@{DIGEST}"));
    assert!(
        matches!(by_digest, Error::NotEditable { .. }),
        "{by_digest}"
    );
    let elsewhere = "images:\n- {name: quay.io/acme/web, newTag: v0}\n";
    let elsewhere = refuse(elsewhere, "quay.io/other/web:v2");
    assert!(
        matches!(elsewhere, Error::NothingThere { .. }),
        "{elsewhere}"
    );
    let neither = refuse("images:\n- name: quay.io/acme/web\n", NEW);
    assert!(matches!(neither, Error::NothingThere { .. }), "{neither}");
    let none = refuse("images:\n- {name: a, newTag: b}\n", NEW);
    assert!(matches!(none, Error::NoEntry { .. }), "{none}");
    let twice = "images:\n- {name: web, newTag: a}\n- {name: quay.io/acme/web, newTag: a}\n";
    let twice = refuse(twice, NEW);
    assert!(matches!(twice, Error::Ambiguous { .. }), "{twice}");
}

#[test]
fn edits_helm_values_in_every_form() {
    let locator = |key: &str| Locator::Helm(key.to_owned());
    let whole = "web:\n  image: quay.io/acme/web:v0 # here\n";
    replaced(
        whole,
        &locator("web.image"),
        NEW,
        &[("quay.io/acme/web:v0", NEW)],
    );
    let parts = "image:\n  registry: old.io\n  repository: a/b\n  tag: v0\n  pullPolicy: Always\n";
    let values = [
        ("old.io", "quay.io"),
        ("a/b", "acme/web"),
        ("v0", &format!("prod-v1.0@{DIGEST}")),
    ];
    replaced(parts, &locator("image"), NEW, &values);
    let empty =
        "image:\n  registry: \"\"\n  repository: quay.io/acme/web\n  version: v0\n  digest: \"\"\n";
    let values = [
        ("version: v0", "version: prod-v1.0"),
        ("digest: \"\"", &format!("digest: \"{DIGEST}\"")),
    ];
    replaced(empty, &locator("image"), NEW, &values);
    assert!(matches!(
        refused("image: {tag: v0}\n", &locator("image")),
        Error::NothingThere { .. }
    ));
}

#[test]
fn edits_what_a_setter_marker_names_and_only_that() {
    let file = "a: quay.io/acme/web:v0 # {\"$imagepolicy\": \"flux-system:web\"}\nb: quay.io/acme/api:v0 # {\"$imagepolicy\": \"flux-system:api\"}\nc:\n  - name: quay.io/acme/web # {\"$imagepolicy\": \"x:web:name\"}\n    tag: v0 # {\"$imagepolicy\": \"x:web:tag\"}\n";
    let locator = Locator::Setter("web".to_owned());
    let values = [
        ("a: quay.io/acme/web:v0", &*format!("a: {NEW}")),
        ("tag: v0", "tag: prod-v1.0"),
    ];
    replaced(file, &locator, NEW, &values);
    let by_digest = format!("quay.io/acme/web@{DIGEST}").parse().unwrap();
    let left_out = set_image("f", file.as_bytes(), &locator, &by_digest).unwrap_err();
    assert!(matches!(left_out, Error::NotEditable { .. }), "{left_out}");
    assert!(matches!(
        refused(file, &Locator::Setter("db".to_owned())),
        Error::NoMarker { .. }
    ));
}

#[test]
fn tells_how_surely_a_file_is_the_one() {
    let file = |image: &str| format!("spec: {{containers: [{{name: web, image: \"{image}\"}}]}}\n");
    let fit = |file: &str| fit("f", file.as_bytes(), &component()).unwrap();
    assert_eq!(fit(&file("quay.io/acme/web:v0")), Some(Fit::Repository));
    assert_eq!(fit(&file("x:v0")), Some(Fit::Name));
    assert_eq!(fit("spec: {containers: [{name: a, image: b}]}\n"), None);
}

/// A scalar in one of the styles in which people write images.
fn styled(image: &str, style: u8) -> String {
    match style % 4 {
        0 => image.to_owned(),
        1 => format!("\"{image}\""),
        2 => format!("'{image}'"),
        _ => format!("!!str {image}"),
    }
}

proptest::proptest! {
    /// Whatever stands around it: only the bytes of the one scalar change, and a second parser
    /// sees one changed value.
    #[test]
    fn an_edit_touches_one_scalar_whatever_stands_around(
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
        let edit = set_image("f", file.as_bytes(), &web(), &new()).unwrap();
        let edited = String::from_utf8(edit.content).unwrap();
        let (before, after) = file.split_once("OLD").unwrap();
        proptest::prop_assert!(edited.starts_with(before) && edited.ends_with(after));
        let image = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).unwrap();
        let (mut seen, now) = (image(&file), image(&edited));
        for item in seen["spec"]["containers"].as_array_mut().unwrap() {
            if item["name"] == "web" {
                item["image"] = NEW.into();
            }
        }
        proptest::prop_assert_eq!(seen, now);
    }
}
