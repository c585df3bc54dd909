//! Every refusal names file, line and column, or says why it cannot, and the way forward.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use crate::gitops::{Edit, Locator, Tree, tests::at, update};

const IMAGE: &str = "quay.io/acme/web:v9";

fn edit(locator: Locator) -> Edit {
    at(locator, IMAGE)
}

fn tree(files: &[(&str, &str)]) -> Tree<'static> {
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    Tree::of(files.collect())
}

/// A tree whose files are named and cannot be read.
fn unreadable(error: impl Fn(&str) -> Error + 'static) -> Tree<'static> {
    Tree::new(
        move |path| Err(error(path)),
        || Ok(vec!["f.yaml".to_owned()]),
    )
}

fn file() -> Locator {
    Locator::File("f.yaml".to_owned())
}

fn path(text: &str) -> Locator {
    Locator::Path("f.yaml".to_owned(), text.to_owned())
}

fn overlay() -> Locator {
    Locator::Kustomize("overlays/prod".to_owned())
}

const BASE: (&str, &str) = ("base/kustomization.yaml", "resources: [d.yaml]\n");
const DEPLOYMENT: (&str, &str) = (
    "base/d.yaml",
    r"kind: Deployment
apiVersion: apps/v1
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: quay.io/acme/web:v0}]}}}
",
);
const PROD: (&str, &str) = (
    "overlays/prod/kustomization.yaml",
    "resources: [../../base]\n",
);
const DEV: (&str, &str) = (
    "overlays/dev/kustomization.yaml",
    "resources: [../../base]\n",
);

/// The refusals that an update can end with, each by a repository of its own.
fn refusals() -> Vec<Error> {
    let run = |tree: &Tree<'_>, locator: Locator| update(tree, &edit(locator)).unwrap_err();
    let of = |text: &str, locator: Locator| run(&tree(&[("f.yaml", text)]), locator);
    let pod =
        |name: &str| format!("spec: {{containers: [{{name: {name}, image: 'q.io/x/y:v1'}}]}}\n");
    let web = "{name: web, image: 'quay.io/acme/web:v0'}";
    let mut all = vec![
        of("a: [\n", file()),
        run(
            &unreadable(|path| Error::Read {
                file: path.to_owned(),
                reason: "Permission denied".to_owned(),
            }),
            file(),
        ),
        run(
            &unreadable(|path| Error::Link {
                file: path.to_owned(),
                target: "g.yaml".to_owned(),
            }),
            file(),
        ),
        run(
            &Tree::new(
                |_| Ok(None),
                || {
                    Err(Error::List {
                        root: "repo".to_owned(),
                        reason: "Permission denied".to_owned(),
                        hint: "make it readable".to_owned(),
                    })
                },
            ),
            Locator::Setter {
                file: None,
                namespace: None,
            },
        ),
        of("a: 1\n", path("a[")),
        of("a: 1\n", Locator::File("g.yaml".to_owned())),
        run(&tree(&[BASE, DEPLOYMENT]), overlay()),
        run(&tree(&[BASE]), Locator::Usual { search: false }),
        run(&tree(&[]), overlay()),
        of("a: 1\n", path("b")),
        of(&pod("other"), file()),
        of(
            "a: 1\n",
            Locator::Setter {
                file: None,
                namespace: None,
            },
        ),
        of(
            "a: 1\n",
            Locator::Setter {
                file: Some("f.yaml".to_owned()),
                namespace: None,
            },
        ),
        of(&format!("spec: {{containers: [{web}, {web}]}}\n"), file()),
        of("spec: {replicas: 3}\n", path("spec.replicas")),
        run(
            &tree(&[
                (
                    PROD.0,
                    "resources: [../../base]\nvars: [{name: X}]\nhelmCharts: [{name: x}]\n",
                ),
                BASE,
                DEPLOYMENT,
            ]),
            overlay(),
        ),
        run(
            &tree(&[(PROD.0, "resources: [../../../base]\n")]),
            overlay(),
        ),
        run(&tree(&[PROD, DEV, BASE, DEPLOYMENT]), overlay()),
    ];
    let both = tree(&[("f.yaml", &format!("spec: {{containers: [{web}]}}\n"))]);
    update(&both, &edit(file())).unwrap();
    let mut other = edit(path("spec.containers[0].image"));
    other.component.name = "api".to_owned();
    all.push(update(&both, &other).unwrap_err());
    let at = || super::Position::new("f.yaml", 3, 5);
    // A difference behind an edit, and a bug, cannot be provoked by a repository alone.
    all.push(Error::NoEffect {
        at: at(),
        path: "image".to_owned(),
        reason: "a label changes too".to_owned(),
    });
    all.push(Error::NotExact {
        at: at(),
        path: "image".to_owned(),
    });
    all
}

/// The name of a variant; a new one has to be added here, and to the refusals above.
fn variant(error: &Error) -> &'static str {
    match error {
        Error::Parse { .. } => "Parse",
        Error::Read { .. } => "Read",
        Error::List { .. } => "List",
        Error::Link { .. } => "Link",
        Error::PathSyntax { .. } => "PathSyntax",
        Error::NoFile { .. } => "NoFile",
        Error::NothingThere { .. } => "NothingThere",
        Error::NoContainer { .. } => "NoContainer",
        Error::NoMarker { .. } => "NoMarker",
        Error::Ambiguous { .. } => "Ambiguous",
        Error::NotEditable { .. } => "NotEditable",
        Error::NotUnderstood { .. } => "NotUnderstood",
        Error::Outside { .. } => "Outside",
        Error::Shared { .. } => "Shared",
        Error::Claimed { .. } => "Claimed",
        Error::NoEffect { .. } => "NoEffect",
        Error::NotExact { .. } => "NotExact",
    }
}

const VARIANTS: usize = 17;

/// Tells whether a text begins with FILE:LINE:COLUMN.
fn is_placed(text: &str) -> bool {
    let mut parts = text.splitn(4, ':');
    let file = parts.next().is_some_and(|file| !file.is_empty());
    let mut number = || {
        let part = parts.next().map(str::parse::<usize>);
        matches!(part, Some(Ok(1..)))
    };
    file && number() && number()
}

#[test]
fn every_refusal_names_its_place_or_says_why_not_and_the_way_forward() {
    let mut seen = BTreeSet::new();
    for error in refusals() {
        let text = error.to_string();
        let unplaced = match variant(&error) {
            "NoFile" | "NoMarker" => text.contains("so there is no line to name"),
            "List" => text.contains("so no file or line is named"),
            "PathSyntax" => text.contains("on the command line, not in a file"),
            _ => false,
        };
        assert!(is_placed(&text) || unplaced, "{text}");
        assert!(!error.hint().is_empty(), "{text}");
        seen.insert(variant(&error));
    }
    assert_eq!(seen.len(), VARIANTS, "{seen:?}");
}

#[test]
fn a_missing_path_names_what_is_there_instead() {
    let names = |files: &[(&str, &str)], locator| {
        let error = update(&tree(files), &edit(locator)).unwrap_err();
        error.to_string()
    };
    let text = names(&[DEV, BASE, DEPLOYMENT], overlay());
    assert!(text.ends_with(": overlays has dev"), "{text}");
    let text = names(&[BASE], Locator::Usual { search: false });
    assert!(text.ends_with(": its root has base"), "{text}");
    assert!(text.contains("components/web/overlays/prod/kustomization.yaml or deployment-patch.yaml, or overlays/prod"), "{text}");
    assert!(names(&[], overlay()).ends_with(": it has no files"));
    let many: BTreeMap<_, _> = (0..20)
        .map(|at| (format!("overlays/e{at:02}/k"), Vec::new()))
        .collect();
    let error = update(&Tree::of(many), &edit(overlay())).unwrap_err();
    assert!(error.to_string().ends_with("e11 and 8 more"), "{error}");
}
