//! `update-deployment --follow` in each form in which a repository may name the image, and after the Snapshot of
//! Konflux is gone.

use lab::{kube::Cluster, universe::TAG};
use serde_json::{Value, json};

use crate::follow::FollowedTag;

const OLD: &str = "sha256:8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a";

/// Replaces the words of a form: the image, the tag and a digest.
fn filled(form: &str, world: &FollowedTag, digest: &str) -> String {
    form.replace("IMAGE", &world.universe.staging())
        .replace("TAG", TAG)
        .replace("DIGEST", digest)
}

#[test]
fn every_form_keeps_its_shape_and_gets_the_digest() {
    let world = FollowedTag::new();
    world.universe.sign_and_attest().unwrap();
    let gitops = world.universe.gitops().unwrap();
    let new = world.universe.image.digest.clone();
    let pod = r"apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      image: IMAGE:TAG
";
    let entry = |fields: &str| format!("resources: [pod.yaml]\nimages:\n  - name: IMAGE\n{fields}");
    let both = "    newTag: TAG\n    digest: DIGEST\n";
    // Before, and after where a digest is added.
    let forms = [
        (
            "manifest",
            "pod.yaml",
            pod.to_owned(),
            pod.replace(":TAG", ":TAG@DIGEST"),
        ),
        (
            "tag",
            "kustomization.yaml",
            entry("    newTag: TAG\n"),
            entry("    newTag: TAG@DIGEST\n"),
        ),
        (
            "pinned",
            "kustomization.yaml",
            entry("    newTag: TAG@DIGEST\n"),
            String::new(),
        ),
        ("both", "kustomization.yaml", entry(both), String::new()),
        (
            "digest",
            "kustomization.yaml",
            entry("    digest: DIGEST\n"),
            String::new(),
        ),
        (
            "values",
            "values.yaml",
            "image:\n  repository: IMAGE\n  tag: TAG\n".to_owned(),
            "image:\n  repository: IMAGE\n  tag: TAG@DIGEST\n".to_owned(),
        ),
        (
            "split",
            "values.yaml",
            r"image:
  repository: IMAGE
  tag: TAG
  digest: DIGEST
"
            .to_owned(),
            String::new(),
        ),
    ];
    for (name, file, before, after) in forms {
        let path = format!("{name}/{file}");
        let (pods, kustomization) = (
            format!("{name}/pod.yaml"),
            format!("{name}/kustomization.yaml"),
        );
        let pod = filled(pod, &world, OLD);
        let text = filled(&before, &world, OLD);
        let mut files = vec![(path.as_str(), text.as_str())];
        let flags = if file == "values.yaml" {
            vec![format!("--helm-values={path}"), "--key=image".to_owned()]
        } else {
            let other = if file == "pod.yaml" {
                (kustomization.as_str(), "resources: [pod.yaml]\n")
            } else {
                (pods.as_str(), pod.as_str())
            };
            files.push(other);
            vec![format!("--kustomize={name}")]
        };
        gitops.commit("main", name, &files).unwrap();
        let flags: Vec<_> = flags
            .iter()
            .map(String::as_str)
            .chain(["--allow-rollback"])
            .collect();
        world.follow(&flags).exits(0);
        let expected = if after.is_empty() { before } else { after };
        let expected = filled(&expected, &world, &new);
        assert_eq!(gitops.read("main", &path).unwrap(), expected, "{name}");
        if file == "kustomization.yaml" {
            assert_eq!(gitops.read("main", &pods).unwrap(), pod, "{name}");
        }
        // The next look at the same digest commits nothing.
        world.follow(&flags).exits(0);
        assert_eq!(world.dir.read("results/CHANGED"), "false", "{name}");
    }
}

#[test]
fn follows_a_tag_whose_snapshot_was_removed() {
    let world = FollowedTag::new();
    world.universe.sign_and_attest().unwrap();
    let cluster = Cluster::start().unwrap();
    let image = format!(
        "{}@{}",
        world.universe.staging(),
        world.universe.image.digest
    );
    cluster.put(
        json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot",
        "metadata": {"namespace": "tenant", "name": "snap"},
        "spec": {"application": "shop", "components": [{"name": "web", "containerImage": image}]}}),
    );
    cluster.allow_reading();
    cluster.remove("snapshots", "snap");
    assert_eq!(cluster.object("snapshots", "snap"), Value::Null);
    world
        .follow_in(&cluster.env(), &["--allow-rollback"])
        .exits(0);
    let deployed = world.universe.deployed().unwrap();
    assert!(
        deployed.ends_with(&world.universe.image.digest),
        "{deployed}"
    );
    // The registry alone is read: not even the name of the Snapshot is known here.
    assert_eq!(cluster.requests(), Vec::<String>::new());
}
