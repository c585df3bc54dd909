//! `gather-deploy-images` and `fetch-gitops-images`: the images that the overlays of a GitOps checkout deploy.
//!
//! Every container and init container of each patch is listed, where the original takes the first container.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    commands::{
        Context, Outcome,
        failures::{git_failure, kube_failure},
        write_file,
    },
    failure::{Failure, Kind, OrFail as _},
    git, json,
    kube::Kube,
};

const ENVIRONMENTS: [&str; 3] = ["development", "stage", "prod"];
/// The environments whose images have their SBOMs uploaded.
const WITH_SBOM: [&str; 2] = ["stage", "prod"];
/// Placeholder images of a new GitOps repository.
const PLACEHOLDERS: [&str; 4] = [
    "quay.io/redhat-appstudio/dance-bootstrap-app",
    "registry.access.redhat.com/rhtap-task-runner/rhtap-task-runner-rhel9",
    "quay.io/redhat-appstudio/rhtap-task-runner",
    "quay.io/redhat-tssc/task-runner",
];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The checkout of the GitOps repository
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// Skip images that this branch already deploys
    #[arg(long, value_name = "BRANCH")]
    target_branch: Option<String>,
    /// The environments [default: development, stage, prod]
    #[arg(last = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct FetchArgs {
    /// The Secret with the public key, as k8s://NAMESPACE/NAME
    #[arg(long, value_name = "KEY")]
    public_key_url: Option<String>,
    #[command(flatten)]
    gather: Args,
}

/// A checkout, and the files of the branch that it is compared with.
struct Checkout {
    root: PathBuf,
    component: String,
    before: Option<BTreeMap<String, Vec<u8>>>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let environments = args.environments.clone();
    let checkout = Checkout::open(args.source, args.target_branch, context).await?;
    let mut outcome = Outcome::default();
    let list = checkout.list(&environments, &ENVIRONMENTS)?;
    outcome.stdout = format!("{list}\n").into_bytes();
    outcome.results.set("IMAGES_TO_VERIFY", list);
    Ok(outcome)
}

pub(super) async fn run_fetch(args: FetchArgs, context: &Context) -> Result<Outcome, Failure> {
    let key = key(args.public_key_url.as_deref().unwrap_or_default(), context).await?;
    let environments = args.gather.environments.clone();
    let root = args.gather.source.clone();
    let checkout = Checkout::open(args.gather.source, args.gather.target_branch, context).await?;
    let verified = checkout.list(&environments, &ENVIRONMENTS)?;
    let with_sbom = checkout.list(&[], &WITH_SBOM)?;
    for (dir, list) in [
        ("gather-deploy-images", &verified),
        ("sbom-images", &with_sbom),
    ] {
        let dir = root.join("results").join(dir);
        fs::create_dir_all(&dir).or_fail(Kind::Usage)?;
        write_file(&dir.join("IMAGES_TO_VERIFY"), list.as_bytes())?;
    }
    let mut outcome = Outcome {
        stdout: format!("{verified}\n").into_bytes(),
        ..Outcome::default()
    };
    outcome.results.set("COSIGN_PUBLIC_KEY", key);
    outcome.results.set("SBOM_IMAGES", with_sbom);
    outcome.results.set("CONFORMA_IMAGES", verified);
    Ok(outcome)
}

/// Returns the entry `cosign.pub` of a Secret, as base64.
async fn key(reference: &str, context: &Context) -> Result<String, Failure> {
    let wrong = || {
        let text = format!("the public key {reference:?} is not one of the cluster");
        Failure::message(Kind::Usage, text).hint("name the Secret as k8s://NAMESPACE/NAME")
    };
    let rest = reference.strip_prefix("k8s://").ok_or_else(wrong)?;
    let kube = Kube::open(&context.env).map_err(kube_failure)?;
    let (namespace, name) = rest.split_once('/').ok_or_else(wrong)?;
    let entry = kube
        .secret(namespace, name, "cosign.pub")
        .await
        .map_err(kube_failure)?;
    let entry = entry.ok_or_else(|| {
        Failure::message(
            Kind::NotFound,
            format!("the Secret {rest} has no entry cosign.pub"),
        )
    })?;
    Ok(STANDARD.encode(entry))
}

impl Checkout {
    async fn open(
        root: PathBuf,
        branch: Option<String>,
        context: &Context,
    ) -> Result<Self, Failure> {
        let application = root.join("application.yaml");
        let text = fs::read_to_string(&application).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Usage,
            };
            Failure::new(kind, error).context(application.display().to_string())
        })?;
        let document = json::yaml(&text).or_fail(Kind::Usage)?;
        let component = document.pointer("/metadata/name").and_then(Value::as_str);
        let component = component.filter(|name| {
            !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.')
        });
        let component = component.ok_or_else(|| {
            Failure::message(
                Kind::Usage,
                "application.yaml has no metadata.name that could be a directory",
            )
        })?;
        let before = match branch {
            None => None,
            Some(branch) => {
                let dir = root.clone();
                let files = context
                    .git
                    .run(move |_| git::files_of_branch(&dir, &branch));
                Some(files.await.map_err(git_failure)?.into_iter().collect())
            }
        };
        Ok(Self {
            component: component.to_owned(),
            root,
            before,
        })
    }

    /// Returns the Snapshot of the images; empty when there are none.
    fn list(&self, environments: &[String], default: &[&str]) -> Result<String, Failure> {
        let names: Vec<&str> = match environments {
            [] => default.to_vec(),
            some => some.iter().map(String::as_str).collect(),
        };
        let mut images = BTreeSet::new();
        for environment in names {
            images.extend(self.images(environment)?);
        }
        if images.is_empty() {
            tracing::info!("there are no images to verify");
            return Ok(String::new());
        }
        let components: Vec<_> = images
            .iter()
            .map(|image| json!({"containerImage": image}))
            .collect();
        Ok(json!({"components": components}).to_string())
    }

    /// Returns the images of an environment that the other branch does not deploy there.
    fn images(&self, environment: &str) -> Result<BTreeSet<String>, Failure> {
        let clean =
            !environment.is_empty() && !environment.contains("..") && !environment.contains('\\');
        if !clean {
            return Err(Failure::message(
                Kind::Usage,
                format!("{environment:?} is not an environment"),
            ));
        }
        let path = format!(
            "components/{}/overlays/{environment}/deployment-patch.yaml",
            self.component
        );
        let text = fs::read_to_string(self.root.join(&path)).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Usage,
            };
            Failure::new(kind, error).context(path.clone())
        })?;
        let mut found = of_patch(&text, &path)?;
        found.retain(|image| {
            !PLACEHOLDERS
                .iter()
                .any(|placeholder| is_of(image, placeholder))
        });
        if let Some(before) = self.before.as_ref().and_then(|before| before.get(&path)) {
            let text = String::from_utf8_lossy(before);
            let before = of_patch(&text, &format!("{path} of the target branch"))?;
            found.retain(|image| !before.contains(image));
        }
        Ok(found)
    }
}

/// Tells whether an image is in the repository: a longer name is another repository.
fn is_of(image: &str, repository: &str) -> bool {
    let rest = image.strip_prefix(repository);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
}

/// Returns the images of a Deployment's patch.
fn of_patch(text: &str, path: &str) -> Result<BTreeSet<String>, Failure> {
    let wrong = |reason: &str| Failure::message(Kind::Usage, format!("{path}: {reason}"));
    let document = json::yaml(text).or_fail(Kind::Usage);
    let document = document.map_err(|failure| failure.context(path.to_owned()))?;
    let pod = document.pointer("/spec/template/spec");
    let pod = pod.ok_or_else(|| wrong("it has no .spec.template.spec"))?;
    let mut images = BTreeSet::new();
    for list in ["containers", "initContainers"] {
        let containers = match pod.get(list) {
            None | Some(Value::Null) => continue,
            Some(containers) => containers
                .as_array()
                .ok_or_else(|| wrong("its containers are not a list"))?,
        };
        for container in containers {
            match container.get("image") {
                None => {}
                Some(Value::String(image)) => drop(images.insert(image.clone())),
                Some(_) => return Err(wrong("an image is not a text")),
            }
        }
    }
    match images.is_empty() {
        true => Err(wrong("no container has an image")),
        false => Ok(images),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_of_a_patch_is_listed() {
        let patch = "spec: {template: {spec: {containers: [{name: a, image: q.io/a:1}, {name: b}], initContainers: [{image: q.io/b:1}]}}}";
        let found = of_patch(patch, "p").unwrap();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["q.io/a:1", "q.io/b:1"]
        );
        for wrong in [
            "a: 1",
            "spec: {template: {spec: {containers: [{image: 1}]}}}",
            "spec: {template: {spec: {}}}",
        ] {
            assert!(of_patch(wrong, "p").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_placeholder_is_its_repository_and_no_longer_name() {
        let placeholder = PLACEHOLDERS[3];
        assert!(is_of("quay.io/redhat-tssc/task-runner:1", placeholder));
        assert!(!is_of(
            "quay.io/redhat-tssc/task-runner-evil:1",
            placeholder
        ));
    }
}
