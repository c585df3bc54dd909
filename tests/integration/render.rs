//! `render`: every component's digest in the copy, nothing that the target cannot hold, no file of the original
//! touched. kustomize, kubectl and helm judge the copy where they are installed.
#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

use std::{path::Path, process::Command};

use serde_json::json;

use crate::{
    harness::{Run, Workdir},
    interop::tool,
};

fn digest(name: char) -> String {
    format!("sha256:{}", name.to_string().repeat(64))
}

fn snapshot(components: &[(&str, &str)]) -> String {
    let components: Vec<_> = components
        .iter()
        .map(|(name, image)| json!({"name": name, "containerImage": image}))
        .collect();
    json!({"application": "shop", "components": components}).to_string()
}

fn two() -> String {
    snapshot(&[
        ("web", &format!("quay.io/acme/web@{}", digest('a'))),
        ("api", &format!("quay.io/acme/api:v3@{}", digest('b'))),
    ])
}

const DEPLOYMENTS: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: acme}
spec:
  template:
    spec:
      initContainers:
      - {name: migrate, image: 'quay.io/acme/api:v1'}
      containers:
      - name: web
        image: quay.io/acme/web:v1 # keep
      - name: proxy
        image: quay.io/other/proxy:v1
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: api}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers: [{name: api, image: 'quay.io/acme/api@sha256:0000000000000000000000000000000000000000000000000000000000000000'}]
";

fn world(files: &[(&str, &str)]) -> Workdir {
    let dir = Workdir::new();
    dir.write("snapshot.json", two());
    for (name, text) in files {
        dir.write(name, text);
    }
    dir
}

fn render(dir: &Workdir, source: &str, flags: &[&str]) -> Run {
    let source = format!("--dir={source}");
    let own = [
        "render",
        "--snapshot=snapshot.json",
        &source,
        "--out=out",
        "--results-dir=results",
    ];
    dir.promote(&[own.as_slice(), flags].concat())
}

/// Returns the objects that a tool builds of the copy.
fn built(tool: &str, args: &[&str], dir: &Path) -> String {
    let output = Command::new(tool).args(args).arg(dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{tool}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The images of a build, sorted.
fn images(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.split_once("image: "));
    let mut found: Vec<_> = lines
        .map(|(_, image)| {
            image
                .split(['#', '}'])
                .next()
                .unwrap()
                .trim()
                .trim_matches(['\'', '"'])
                .to_owned()
        })
        .collect();
    found.sort();
    found
}

fn expected() -> Vec<String> {
    vec![
        format!("quay.io/acme/api@{}", digest('b')),
        format!("quay.io/acme/api@{}", digest('b')),
        format!("quay.io/acme/web@{}", digest('a')),
        "quay.io/other/proxy:v1".to_owned(),
    ]
}

#[test]
fn fills_files_of_objects() {
    let dir = world(&[("app/deep/all.yaml", DEPLOYMENTS), ("app/README.md", "x\n")]);
    let run = render(&dir, "app", &[]).exits(0);
    let written = dir.read("out/deep/all.yaml");
    assert_eq!(images(&written), expected());
    assert!(written.contains("# keep"), "{written}");
    assert_eq!(dir.read("out/README.md"), "x\n");
    assert_eq!(dir.read("app/deep/all.yaml"), DEPLOYMENTS);
    assert_eq!(dir.read("results/LAYOUT"), "plain");
    assert_eq!(dir.read("results/PLACES"), "3");
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
    // The copy of a run is never written over by another one.
    render(&dir, "app", &[])
        .exits(2)
        .says("--out out is not empty");
}

#[test]
fn fills_a_kustomization_with_its_base() {
    let entry = "resources: [../../base]\nimages: [{name: quay.io/acme/web, newTag: v2}]\n";
    let dir = world(&[
        ("base/kustomization.yaml", "resources: [all.yaml]\n"),
        ("base/all.yaml", DEPLOYMENTS),
        ("base/unused.txt", "x\n"),
        ("overlays/test/kustomization.yaml", entry),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base]\n",
        ),
    ]);
    render(&dir, "overlays/test", &[]).exits(0);
    assert_eq!(dir.read("results/LAYOUT"), "kustomize");
    assert_eq!(dir.read("base/all.yaml"), DEPLOYMENTS);
    assert!(!dir.exists("out/overlays/prod") && !dir.exists("out/base/unused.txt"));
    let api = format!("quay.io/acme/api@{}", digest('b'));
    assert!(dir.read("out/base/all.yaml").contains(&api));
    let out = dir.path("out");
    for (name, args) in [("kustomize", ["build"]), ("kubectl", ["kustomize"])] {
        if tool(name).is_some() {
            let built = images(&built(name, &args, &out));
            let web = &built[2];
            assert!(
                web.ends_with(&format!("@{}", digest('a'))),
                "{name}: {built:?}"
            );
            assert_eq!(built[..2], expected()[..2], "{name}");
            assert_eq!(built[3], expected()[3], "{name}");
        }
    }
}

#[test]
fn rewrites_namespaces_and_leaves_kinds_out() {
    let objects = format!(
        r"apiVersion: v1
kind: Namespace
metadata: {{name: acme}}
---
{DEPLOYMENTS}"
    );
    let dir = world(&[
        ("app/kustomization.yaml", "resources: [all.yaml]\n"),
        ("app/all.yaml", &objects),
        ("plain/all.yaml", &objects),
    ]);
    for source in ["app", "plain"] {
        render(&dir, source, &[])
            .exits(2)
            .says("all.yaml:1:13: Namespace/acme: it belongs to the whole cluster")
            .says("hint: --skip-kinds");
        assert!(!dir.exists("out"));
    }
    let flags = ["--skip-kinds=Namespace", "--namespace=test-1"];
    render(&dir, "app", &flags)
        .exits(0)
        .says("Namespace are left out");
    let out = dir.path("out");
    for (name, args) in [("kustomize", ["build"]), ("kubectl", ["kustomize"])] {
        if tool(name).is_some() {
            let text = built(name, &args, &out);
            assert_eq!(images(&text), expected(), "{name}");
            assert_eq!(
                text.matches("namespace: test-1").count(),
                2,
                "{name}: {text}"
            );
            assert!(!text.contains("kind: Namespace"), "{name}: {text}");
        }
    }
    std::fs::remove_dir_all(&out).unwrap();
    render(&dir, "plain", &flags).exits(0);
    let text = dir.read("out/all.yaml");
    assert!(
        text.contains("namespace: test-1") && !text.contains("acme}"),
        "{text}"
    );
    assert!(!text.contains("kind: Namespace"), "{text}");
    std::fs::remove_dir_all(&out).unwrap();
    render(&dir, "plain", &["--target=cluster"]).exits(0);
    assert!(dir.read("out/all.yaml").contains("kind: Namespace"));
}

#[test]
fn names_everything_that_a_test_namespace_has_no_quota_for() {
    let route = "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: web}\n";
    let job = r"apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec: {activeDeadlineSeconds: 300}
";
    let dir = world(&[
        ("app/a.yaml", DEPLOYMENTS),
        ("app/route.yaml", route),
        ("app/job.yaml", job),
    ]);
    render(&dir, "app", &[])
        .exits(2)
        .says("Route/web")
        .says("Job/migrate")
        .says("--allow-kinds Route,activeDeadlineSeconds keeps them");
    render(&dir, "app", &["--allow-kinds=Route,activeDeadlineSeconds"]).exits(0);
    // In a typed list a cluster takes the kind of an item from the list.
    let rights = |kind: &str| {
        format!(
            r"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBindingList
items:
- {{metadata: {{name: all}}{kind}}}
"
        )
    };
    for (kind, says) in [
        ("", "has no kind"),
        (", kind: ClusterRoleBinding", "ClusterRoleBinding/all"),
    ] {
        let list = rights(kind);
        let dir = world(&[
            ("app/a.yaml", DEPLOYMENTS),
            ("app/list.yaml", list.as_str()),
        ]);
        render(&dir, "app", &[]).exits(2).says(says);
    }
}

#[test]
fn fills_the_values_of_a_chart() {
    let values = r"web:
  image:
    repository: quay.io/acme/web
    tag: v1
api:
  image: quay.io/acme/api:v1
proxy: {image: {repository: quay.io/other/proxy, tag: v1}}
";
    let template = r"apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: '{{ .Values.web.image.repository }}:{{ .Values.web.image.tag }}'
  - name: api
    image: '{{ .Values.api.image }}'
  - name: proxy
    image: '{{ .Values.proxy.image.repository }}:{{ .Values.proxy.image.tag }}'
";
    let dir = world(&[
        (
            "chart/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 0.1.0\n",
        ),
        ("chart/values.yaml", values),
        ("chart/templates/pod.yaml", template),
    ]);
    render(&dir, "chart", &[]).exits(0);
    assert_eq!(dir.read("results/LAYOUT"), "helm");
    let written = dir.read("out/values.yaml");
    assert!(
        written.contains(&format!("image: quay.io/acme/api@{}", digest('b'))),
        "{written}"
    );
    assert!(
        written.contains(&format!("tag: sha256-aaaaaaaaaaaa@{}", digest('a'))),
        "{written}"
    );
    if tool("helm").is_some() {
        let found = images(&built("helm", &["template", "web"], &dir.path("out")));
        assert_eq!(found.len(), 3);
        assert!(
            found[0].ends_with(&digest('b')) && found[1].ends_with(&digest('a')),
            "{found:?}"
        );
    }
    render(&dir, "chart", &["--out=other", "--skip-kinds=Pod"]).exits(2);
    dir.write("chart/crds/crd.yaml", "kind: CustomResourceDefinition\n");
    let refused = dir.promote(&[
        "render",
        "--snapshot=snapshot.json",
        "--dir=chart",
        "--out=new",
    ]);
    refused
        .exits(2)
        .says("crds/crd.yaml:1:1")
        .says("CustomResourceDefinition");
}

#[test]
fn refuses_what_it_cannot_fill() {
    let dir = world(&[("app/a.yaml", DEPLOYMENTS)]);
    let web = format!("quay.io/acme/web@{}", digest('a'));
    let run = |snapshot: &str, flags: &[&str], out: &str| {
        dir.write("snapshot.json", snapshot);
        let out = format!("--out={out}");
        let own = ["render", "--snapshot=snapshot.json", "--dir=app", &out];
        dir.promote(&[own.as_slice(), flags].concat())
    };
    let three = snapshot(&[
        ("web", &web),
        ("db", &format!("quay.io/acme/db@{}", digest('c'))),
    ]);
    run(&three, &[], "o1")
        .exits(3)
        .says("db of the Snapshot is not deployed")
        .says("--map");
    run(&three, &["--allow-missing"], "o2")
        .exits(0)
        .says("db is not deployed");
    // The directory has the image under the name of a build repository.
    run(&three, &["--map=db=quay.io/other/proxy"], "o3").exits(0);
    assert!(
        dir.read("o3/a.yaml")
            .contains(&format!("quay.io/acme/db@{}", digest('c')))
    );
    run(&three, &["--map=x=quay.io/other/proxy"], "o4")
        .exits(2)
        .says("--map names x");
    run(&snapshot(&[("web", "quay.io/acme/web:v1")]), &[], "o5")
        .exits(2)
        .says("not pinned");
    run(&snapshot(&[]), &[], "o6")
        .exits(3)
        .says("no components");
    let versions = snapshot(&[
        ("web", &web),
        ("web", &format!("quay.io/acme/web@{}", digest('d'))),
    ]);
    run(&versions, &[], "o7").exits(2).says("web twice");
    run(&two(), &["--namespace=Not_One"], "o8")
        .exits(2)
        .says("is not a namespace");
    let missing = dir.promote(&[
        "render",
        "--snapshot=snapshot.json",
        "--dir=nowhere",
        "--out=o9",
    ]);
    missing.exits(3).says("--dir nowhere is not a directory");
    for at in 4..10 {
        assert!(!dir.exists(&format!("o{at}")), "o{at}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc", dir.path("app/link")).unwrap();
        run(&two(), &[], "o10")
            .exits(2)
            .says("is not a regular file");
    }
}
