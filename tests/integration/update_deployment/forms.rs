//! The forms in which a GitOps repository sets an image: kustomization, Helm values, setter markers.

use super::*;

const BASE: &str = r"apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          image: registry.example/acme/web:v0   # base
";

#[test]
fn follows_a_kustomization_to_what_wins() {
    let world = GitHost::new();
    let image = |dir: &str| world.gitops.read("main", dir).unwrap();
    let commit = |files: &[(&str, &str)]| world.gitops.commit("main", "k", files).unwrap();
    let new = deployed("prod-v1.0", NEW);
    commit(&[
        (
            "apps/web/base/kustomization.yaml",
            "resources:\n- deployment.yaml\n",
        ),
        ("apps/web/base/deployment.yaml", BASE),
        (
            "apps/web/prod/kustomization.yaml",
            "resources: [../base]\npatches:\n- path: patch.yaml\n",
        ),
        (
            "apps/web/prod/patch.yaml",
            r"apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 3}
",
        ),
    ]);
    world.update(&["--kustomize=apps/web/prod"]).exits(0);
    let edited = BASE.replace("registry.example/acme/web:v0", &new);
    assert_eq!(image("apps/web/base/deployment.yaml"), edited);

    commit(&[(
        "apps/web/prod/patch.yaml",
        &patch("registry.example/staging/web:v0"),
    )]);
    world.update(&["--kustomize=apps/web/prod/"]).exits(0);
    assert_eq!(image("apps/web/prod/patch.yaml"), patch(&new));

    let images = r"resources: [../base]
images:
  - name: registry.example/acme/web # x
    newTag: v0
";
    commit(&[("apps/web/prod/kustomization.yaml", images)]);
    world.update(&["--kustomize=apps/web/prod"]).exits(0);
    let edited = images.replace("newTag: v0", &format!("newTag: prod-v1.0@{NEW}"));
    assert_eq!(image("apps/web/prod/kustomization.yaml"), edited);

    refused(&world, &["--kustomize=apps/none"], 3, "does not exist");
    refused(&world, &["--kustomize=../x"], 2, "../x");
    commit(&[
        ("apps/loop/kustomization.yaml", "resources: [../loop]\n"),
        (
            "apps/two/kustomization.yaml",
            "resources: [a.yaml, b.yaml]\n",
        ),
        ("apps/two/a.yaml", BASE),
        ("apps/two/b.yaml", BASE),
    ]);
    refused(&world, &["--kustomize=apps/loop"], 2, "includes itself");
    refused(&world, &["--kustomize=apps/two"], 2, "several places");
}

#[test]
fn a_key_of_the_repository_takes_the_version_beside_it_along() {
    let world = GitHost::new();
    let values = "image:\n  repository: registry.example/acme/web\n  tag: v0\n";
    let files = [("chart/values.yaml", values)];
    world.gitops.commit("main", "files", &files).unwrap();
    let flags = ["--helm-values=chart/values.yaml", "--key=image.repository"];
    world.update(&flags).exits(0);
    let edited = values.replace("v0", &format!("prod-v1.0@{NEW}"));
    let found = world.gitops.read("main", "chart/values.yaml").unwrap();
    assert_eq!(found, edited);
}

#[test]
fn edits_helm_values_and_setter_markers() {
    let world = GitHost::new();
    let values = "image:\n  repository: registry.example/acme/web # r\n  tag: v0\n";
    let marked = "a: registry.example/acme/web:v0 # {\"$imagepolicy\": \"flux-system:web\"}\n";
    let template = "a: {{ .Values.x }}: [\n";
    let files = [
        ("chart/values.yaml", values),
        ("chart/templates/web.yaml", template),
        ("clusters/prod/a.yaml", marked),
        ("clusters/prod/b.yaml", marked),
    ];
    world.gitops.commit("main", "files", &files).unwrap();
    world
        .update(&["--helm-values=chart/values.yaml", "--key=image"])
        .exits(0);
    let edited = values.replace("v0", &format!("prod-v1.0@{NEW}"));
    assert_eq!(
        world.gitops.read("main", "chart/values.yaml").unwrap(),
        edited
    );
    world.update(&["--helm-values=chart/values.yaml"]).exits(0);
    assert_eq!(world.dir.read("results/CHANGED"), "false");

    world.update(&["--setter"]).exits(0);
    let edited = marked.replace("registry.example/acme/web:v0", &deployed("prod-v1.0", NEW));
    for file in ["clusters/prod/a.yaml", "clusters/prod/b.yaml"] {
        assert_eq!(world.gitops.read("main", file).unwrap(), edited);
    }
    let image = format!("--image=db=registry.example/acme/db@{NEW}");
    refused(
        &world,
        &["--setter", "--unverified", &image],
        3,
        "$imagepolicy",
    );
    refused(
        &world,
        &["--helm-values=chart/none.yaml"],
        3,
        "chart/none.yaml",
    );
    refused(
        &world,
        &["--helm-values=chart/values.yaml", "--key=.image.x"],
        3,
        "missing",
    );
    refused(
        &world,
        &["--helm-values=chart/templates/web.yaml"],
        2,
        "not valid YAML",
    );
    refused(
        &world,
        &["--kustomize=a", "--setter"],
        2,
        "cannot be used with",
    );
}

#[test]
fn finds_the_one_file_of_the_environment() {
    let world = GitHost::new();
    let commit = |files: &[(&str, &str)]| world.gitops.commit("main", "f", files).unwrap();
    let other = world.gitops.read("main", FILE).unwrap();
    commit(&[
        ("envs/live/web.yaml", BASE),
        ("envs/live/db.yaml", &BASE.replace("web", "db")),
        ("envs/live/broken.yaml", "a: {{ x }}: [\n"),
        ("envs/test/web.yaml", BASE),
    ]);
    refused(&world, &["--environment=live"], 3, "--auto");
    world.update(&["--environment=live", "--auto"]).exits(0);
    let edited = BASE.replace("registry.example/acme/web:v0", &deployed("prod-v1.0", NEW));
    assert_eq!(
        world.gitops.read("main", "envs/live/web.yaml").unwrap(),
        edited
    );
    assert_eq!(
        world.gitops.read("main", "envs/test/web.yaml").unwrap(),
        BASE
    );
    assert_eq!(world.file(), other);
    refused(&world, &["--environment=none", "--auto"], 3, "none");
    commit(&[("envs/live/web2.yaml", BASE)]);
    refused(
        &world,
        &["--environment=live", "--auto"],
        2,
        "several places",
    );

    world.dir.write("checkout/x/live/web.yaml", BASE);
    world.dir.write("checkout/.git/live/web.yaml", BASE);
    let local = [
        "update-deployment",
        "--local=checkout",
        "--auto",
        "--environment=live",
    ];
    world.dir.promote(&local).exits(0);
    assert_eq!(world.dir.read("checkout/x/live/web.yaml"), edited);
    assert_eq!(world.dir.read("checkout/.git/live/web.yaml"), BASE);
}
