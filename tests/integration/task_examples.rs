//! The examples of a Task's README: a TaskRun and a task of a Pipeline, with values for the params that it needs.

use std::fmt::Write as _;

use lab::tekton::model::Task;

use crate::task_folders::{GENERATED, required};

const SOURCE: &str = "https://git.example.com/acme/web";
const GITOPS: &str = "https://git.example.com/acme/web-gitops";
const IMAGES: &str = "[web=registry.example.com/acme/staging/web]";
const POLICY: &str = "git::https://git.example.com/acme/policies//release";
const KEY: &str = "k8s://acme-web/cosign-pub";
const PRODUCTION: &str = "registry.example.com/acme/web";
const DIGEST: &str = "sha256:DIGEST";

/// A param with its value in a TaskRun and in a Pipeline; an empty one is the same as in the TaskRun.
type Param = (&'static str, &'static str, &'static str);

/// The params of the examples of Tasks, by their folders.
const PARAMS: &[(&[&str], &[Param])] = &[
    (
        &["tasks/extract-tag"],
        &[
            ("tag", "v1.0", "$(params.git-tag)"),
            ("git-url", SOURCE, "$(params.git-url)"),
        ],
    ),
    (
        &["tasks/gather-images"],
        &[
            ("images", IMAGES, ""),
            ("git-url", SOURCE, "$(params.git-url)"),
            ("revision", "v1.0", "$(params.git-tag)"),
            (
                "destination-tag",
                "prod-v1.0",
                "$(tasks.extract-tag.results.DESTINATION_IMAGE_TAG)",
            ),
        ],
    ),
    (
        &["tasks/verify-ec"],
        &[
            (
                "images-digest",
                DIGEST,
                "$(tasks.gather-images.results.IMAGES_DIGEST)",
            ),
            ("policy", POLICY, ""),
            ("public-key", KEY, ""),
        ],
    ),
    (
        &["tasks/verify-shard"],
        &[
            (
                "images-digest",
                DIGEST,
                "$(tasks.gather-images.results.IMAGES_DIGEST)",
            ),
            ("shard", "1/4", ""),
            ("policy", POLICY, ""),
            ("public-key", KEY, ""),
        ],
    ),
    (
        &["tasks/merge-verdicts"],
        &[
            (
                "images-digest",
                DIGEST,
                "$(tasks.gather-images.results.IMAGES_DIGEST)",
            ),
            (
                "verified-digests",
                "[\"sha256:DIGEST-1\", \"sha256:DIGEST-2\"]",
                "[\"$(tasks.verify-shard.results.VERIFIED_DIGEST[*])\"]",
            ),
        ],
    ),
    (
        &["tasks/copy-image"],
        &[
            (
                "verified-digest",
                DIGEST,
                "$(tasks.verify-ec.results.VERIFIED_DIGEST)",
            ),
            ("to", PRODUCTION, ""),
        ],
    ),
    (
        &["tasks/attest", "tasks/move-tags"],
        &[(
            "promoted-digest",
            DIGEST,
            "$(tasks.copy-image.results.PROMOTED_DIGEST)",
        )],
    ),
    (
        &["tasks/update-deployment"],
        &[
            (
                "promoted-digest",
                DIGEST,
                "$(tasks.copy-image.results.PROMOTED_DIGEST)",
            ),
            ("gitops-repo-url", GITOPS, ""),
        ],
    ),
    (
        &["tasks/commit-status"],
        &[
            ("git-url", SOURCE, "$(params.git-url)"),
            ("commit", "COMMIT", "$(tasks.extract-tag.results.COMMIT)"),
            ("state", "failure", "$(tasks.status)"),
        ],
    ),
    (
        &["tasks/preflight", "tasks/promote-run"],
        &[
            ("tag", "v1.0", "$(params.git-tag)"),
            ("git-url", SOURCE, "$(params.git-url)"),
            ("images", IMAGES, ""),
            ("policy", POLICY, ""),
            ("public-key", KEY, ""),
            ("to", PRODUCTION, ""),
            ("gitops-repo-url", GITOPS, ""),
        ],
    ),
    (
        &["tasks/plan-release"],
        &[
            ("snapshot", "k8s:acme/web-x7k2p", "k8s:$(params.snapshot)"),
            ("release-plan", "k8s:acme/web", "k8s:$(params.releasePlan)"),
        ],
    ),
    (
        &["tasks/push-snapshot"],
        &[
            (
                "verified-digest",
                DIGEST,
                "$(tasks.verify-ec.results.VERIFIED_DIGEST)",
            ),
            (
                "release-digest",
                DIGEST,
                "$(tasks.plan-release.results.RELEASE_DIGEST)",
            ),
        ],
    ),
    (
        &["tasks/release-status"],
        &[(
            "release-digest",
            DIGEST,
            "$(tasks.plan-release.results.RELEASE_DIGEST)",
        )],
    ),
    (
        &["tasks/render"],
        &[
            ("snapshot", "file:images.json", ""),
            ("dir", "file:source/overlays/test", ""),
            ("namespace", "test-1", ""),
        ],
    ),
    (
        &["tasks/test-output"],
        &[
            (
                "tasks",
                "[deploy=Succeeded, test=Failed]",
                "[deploy=$(tasks.deploy.status), test=$(tasks.test.status)]",
            ),
            ("required", "deploy,test", ""),
        ],
    ),
    (
        &["drop-in/verify-enterprise-contract"],
        &[
            (
                "IMAGES",
                r#"{"components": [{"containerImage": "registry.example.com/acme/web:v1.0"}]}"#,
                "$(tasks.gather-deploy-images.results.IMAGES_TO_VERIFY)",
            ),
            ("POLICY_CONFIGURATION", POLICY, ""),
            ("PUBLIC_KEY", KEY, ""),
        ],
    ),
    (
        &["drop-in/verify-conforma-konflux-ta"],
        &[
            ("SNAPSHOT_FILENAME", "snapshot.json", ""),
            (
                "SOURCE_DATA_ARTIFACT",
                "oci:registry.example.com/acme/data@sha256:DIGEST",
                "$(tasks.collect-data.results.sourceDataArtifact)",
            ),
            ("POLICY_CONFIGURATION", POLICY, ""),
            ("PUBLIC_KEY", KEY, ""),
        ],
    ),
    (
        &["drop-in/skopeo-copy"],
        &[
            (
                "SOURCE_IMAGE_URL",
                "docker://registry.example.com/acme/staging/web:v1.0",
                "",
            ),
            (
                "DESTINATION_IMAGE_URL",
                "docker://registry.example.com/acme/web:prod-v1.0",
                "",
            ),
        ],
    ),
    (
        &["drop-in/fetch-gitops-images"],
        &[("PUBLIC_KEY_URL", KEY, "")],
    ),
    (
        &["drop-in/verify-gitops-conforma"],
        &[
            (
                "COSIGN_PUBLIC_KEY",
                "BASE64",
                "$(tasks.fetch-gitops-images.results.COSIGN_PUBLIC_KEY)",
            ),
            ("POLICY_CONFIGURATION", POLICY, ""),
        ],
    ),
    (
        &["drop-in/update-deployment"],
        &[
            ("gitops-repo-url", GITOPS, ""),
            ("image", "registry.example.com/acme/web:prod-v1.0", ""),
        ],
    ),
];

/// Returns the params of the examples of a Task in `folder`.
fn params(folder: &str) -> &'static [Param] {
    let found = PARAMS.iter().find(|(folders, _)| folders.contains(&folder));
    found.map_or(&[], |(_, params)| params)
}

/// Returns the section of a README with both examples.
pub(crate) fn example(folder: &str, task: &Task) -> String {
    let run = task_run(folder, task);
    let run = run.strip_prefix(GENERATED).unwrap_or(&run);
    let part = pipeline_task(folder, task);
    format!(
        r"
## Example

Run the Task alone, with `kubectl create -f samples/taskrun.yaml`. Replace the values, above all what is in capitals:

```yaml
{run}```

In a Pipeline:

```yaml
{part}```
"
    )
}

/// Returns `samples/taskrun.yaml` of a Task.
pub(crate) fn task_run(folder: &str, task: &Task) -> String {
    let name = &task.metadata.name;
    let mut text = format!(
        r"{GENERATED}apiVersion: tekton.dev/v1
kind: TaskRun
metadata:
  generateName: {name}-
spec:
  taskRef:
    name: {name}
"
    );
    write_params(folder, task, "  ", |(_, run, _)| run, &mut text);
    let bound = bindings(task);
    if !bound.is_empty() {
        text.push_str("  workspaces:\n");
    }
    for (name, binding) in bound {
        writeln!(text, "    - name: {name}\n      {binding}").unwrap();
    }
    text
}

fn pipeline_task(folder: &str, task: &Task) -> String {
    let name = &task.metadata.name;
    let mut text = format!(
        r"tasks:
  - name: {name}
    taskRef:
      name: {name}
"
    );
    let value = |(_, run, part): Param| if part.is_empty() { run } else { part };
    write_params(folder, task, "    ", value, &mut text);
    let bound = bindings(task);
    if !bound.is_empty() {
        text.push_str("    workspaces:\n");
    }
    for (name, _) in bound {
        writeln!(text, "      - name: {name}").unwrap();
    }
    text
}

/// The workspaces of the examples, with the Secrets of `install/README.md`.
fn bindings(task: &Task) -> Vec<(&str, &'static str)> {
    let binding = |name: &str| match name {
        "docker-config" => Some("secret:\n        secretName: promote-registry"),
        "git-credentials" | "gitops-credentials" | "gitops-auth" => {
            Some("secret:\n        secretName: promote-gitops")
        }
        "data" | "source" => Some("persistentVolumeClaim:\n        claimName: promote-data"),
        _ => None,
    };
    let names = task.spec.workspaces.iter().map(|own| own.name.as_str());
    names
        .filter_map(|name| Some((name, binding(name)?)))
        .collect()
}

fn write_params(
    folder: &str,
    task: &Task,
    indent: &str,
    value: impl Fn(Param) -> &'static str,
    text: &mut String,
) {
    let all = params(folder);
    for param in required(task) {
        let named = all.iter().any(|(name, ..)| *name == param.name);
        assert!(named, "{folder}: {} has no value", param.name);
    }
    if !all.is_empty() {
        writeln!(text, "{indent}params:").unwrap();
    }
    for param in all {
        let declared = task.spec.params.iter().any(|own| own.name == param.0);
        assert!(declared, "{folder}: {} is not a param", param.0);
        let value = value(*param);
        let value = match value.starts_with('[') {
            true => value.to_owned(),
            false => serde_json::Value::from(value).to_string(),
        };
        writeln!(
            text,
            "{indent}  - name: {}\n{indent}    value: {value}",
            param.0
        )
        .unwrap();
    }
}
