//! The checks: source, images, signers, policy, destinations, and the edit of the GitOps repository.

use std::collections::BTreeSet;

use super::Lines;
use crate::{
    commands::{
        Context, copy_image,
        extract_tag::{self, ExtractedTag},
        failures::{gate_failure, git_failure, registry_failure, trust_failure},
        gather_images::{self, GatherRequest, ImageSource},
        run::{PreparedRun, Requests},
        update_deployment::{
            self, DeployImages, DeployRequest, DeployTarget, DeployedImage, ReleaseSource,
        },
    },
    failure::{Failure, Kind, OrFail as _},
    gate::{self, Gate},
    image::{Digest, Reference, Repository, Tag},
    policy::LocateError,
    trust,
};

/// A component as far as it is known.
struct KnownComponent {
    name: String,
    repository: Repository,
    /// The digest that was built for the tag.
    digest: Option<Digest>,
}

pub(super) struct PromotionChecks<'a> {
    requests: Requests,
    /// Set when a tag is given; without it any tag will do.
    has_tag: bool,
    context: &'a Context,
    gitops: Context,
}

impl<'a> PromotionChecks<'a> {
    /// Takes the requests of the five steps.
    pub(super) fn new(prepared: PreparedRun, context: &'a Context) -> Self {
        Self {
            requests: prepared.requests,
            has_tag: prepared.has_tag,
            context,
            gitops: prepared.gitops,
        }
    }

    pub(super) async fn run_all(&self, lines: &mut Lines) {
        let tagged = self.source(lines).await;
        let found = self.images(tagged.as_ref(), lines).await;
        self.gate(lines).await;
        self.destinations(&found, lines).await;
        self.edit(&found, tagged.as_ref(), lines).await;
    }

    /// Checks the source repository and looks up the tag in it.
    async fn source(&self, lines: &mut Lines) -> Option<ExtractedTag> {
        let tag = &self.requests.tag;
        let url = tag.git_url.as_ref();
        let url = url.or(self.requests.gather.git_url.as_ref()).cloned();
        if !self.has_tag {
            let url = url?;
            let (name, address) = (format!("source {url}"), url.clone());
            let listed = self
                .context
                .git
                .run(move |git| git.ls_remote(&address))
                .await;
            let listed = listed.map(|refs| format!("{} refs can be read", refs.len()));
            lines.add(&name, listed.map_err(git_failure), "check --git-url");
            return None;
        }
        let name = url
            .as_ref()
            .map_or("tag".to_owned(), |url| format!("source {url}"));
        let request = extract_tag::TagRequest {
            git_url: url,
            ..tag.clone()
        };
        match extract_tag::perform(&request, self.context).await {
            Ok(tagged) => {
                let detail = match &tagged.commit {
                    Some(commit) => format!("tag {:?} is commit {commit}", tagged.tag),
                    None => format!("the image tag of {} is {}", tagged.tag, tagged.destination),
                };
                lines.add(&name, Ok(detail), "");
                Some(tagged)
            }
            Err(failure) => {
                lines.add(&name, Err(failure), "check --git-url and the tag");
                None
            }
        }
    }

    /// Finds the images that were built, and checks the right to pull each.
    async fn images(
        &self,
        tagged: Option<&ExtractedTag>,
        lines: &mut Lines,
    ) -> Vec<KnownComponent> {
        let mut all = Vec::new();
        let ImageSource::Repositories(named) = &self.requests.gather.source else {
            match gather_images::find(&self.gather(tagged), self.context).await {
                Ok(images) => {
                    lines.add("images", Ok(format!("{} found", images.len())), "");
                    let found = images.into_iter().map(|(name, image)| KnownComponent {
                        name,
                        repository: image.repository,
                        digest: Some(image.digest),
                    });
                    all.extend(found);
                }
                Err(failure) => lines.add("images", Err(failure), "check the Snapshot or overlay"),
            }
            return all;
        };
        for one in named {
            let mut found = KnownComponent {
                name: one.name.clone(),
                repository: one.repository.clone(),
                digest: None,
            };
            let checked = match tagged {
                None => self.pull(&found.repository).await,
                Some(_) => {
                    let request = GatherRequest {
                        source: ImageSource::Repositories(vec![one.clone()]),
                        ..self.gather(tagged)
                    };
                    let images = gather_images::find(&request, self.context).await;
                    images.map(|images| {
                        found.digest = images.first().map(|(_, image)| image.digest);
                        let shown = images.first().map(|(_, image)| image.to_string());
                        shown.unwrap_or_default()
                    })
                }
            };
            let name = format!("image {}", one.name);
            lines.add(
                &name,
                checked,
                "check the build of this tag, and --authfile",
            );
            all.push(found);
        }
        all
    }

    fn gather(&self, tagged: Option<&ExtractedTag>) -> GatherRequest {
        GatherRequest {
            revision: tagged.map(|tagged| format!("refs/tags/{}", tagged.tag)),
            commit: tagged.and_then(|tagged| tagged.commit.clone()),
            git_url: tagged.and(self.requests.gather.git_url.clone()),
            ..self.requests.gather.clone()
        }
    }

    async fn pull(&self, repository: &Repository) -> Result<String, Failure> {
        let there = self.context.registry.try_pull(repository).await;
        match there.map_err(registry_failure)? {
            true => Ok(format!("{repository} can be read")),
            false => Err(Failure::message(
                Kind::NotFound,
                format!("no repository {repository}"),
            )
            .hint("build an image first, or check the name; a registry may hide it without a login")),
        }
    }

    /// Loads keys, roots and the policy as verify-ec loads them.
    async fn gate(&self, lines: &mut Lines) {
        let request = self.requests.verify.gate.clone();
        let signers = request.trust.clone();
        let from_cluster = signers
            .public_key
            .iter()
            .any(|key| key.starts_with("k8s://"));
        let opened = Gate::open(request, &self.context.clients()).await;
        let advice = "promote verify-ec --help has the forms of --public-key and --policy";
        match opened {
            Ok(_) => {
                if from_cluster {
                    let detail = "the service account may read the key".to_owned();
                    lines.add("cluster rights", Ok(detail), "");
                }
                lines.add("signers", Ok("keys and roots are loaded".to_owned()), "");
                lines.add("policy", Ok("fetched and compiled".to_owned()), "");
            }
            Err(error) => {
                let name = match &error {
                    gate::Error::Trust(trust::Error::Kube(_))
                    | gate::Error::Locate(LocateError::Cluster { .. }) => "cluster rights",
                    gate::Error::Trust(_) | gate::Error::Signer { .. } => "signers",
                    _ => "policy",
                };
                lines.add(name, Err(gate_failure(error)), advice);
                if name == "policy" {
                    self.signers(&signers, lines).await;
                }
                let others = ["signers", "policy"].into_iter();
                for other in others.filter(|other| *other != name && name != "policy") {
                    lines.leave_out(other, &format!("{name} failed"));
                }
            }
        }
    }

    /// Loads the keys and roots that the flags name, after the policy failed.
    async fn signers(&self, trust: &trust::TrustRequest, lines: &mut Lines) {
        if trust.public_key.is_empty() && !trust.names_identity() {
            lines.leave_out("signers", "the policy may name them, and it failed");
            return;
        }
        let loaded = trust.verifier(&self.context.env, &self.context.http).await;
        let loaded = loaded.map(|_| "keys and roots are loaded".to_owned());
        let advice = "promote verify-ec --help has the forms of --public-key";
        lines.add("signers", loaded.map_err(trust_failure), advice);
    }

    /// Checks the right to push to every destination.
    async fn destinations(&self, found: &[KnownComponent], lines: &mut Lines) {
        let mut seen = BTreeSet::new();
        for one in found {
            let place = self.destination(one);
            let name = match &place {
                Ok(Some(repository)) => format!("destination {repository}"),
                Ok(None) => continue,
                Err(_) => format!("destination of {}", one.name),
            };
            if !seen.insert(name.clone()) {
                continue;
            }
            let pushed = match place {
                Ok(Some(repository)) => self.push(&repository).await,
                Ok(None) => continue,
                Err(failure) => Err(failure),
            };
            lines.add(&name, pushed, "check --to and --authfile");
        }
        if found.is_empty() {
            lines.leave_out("destination", "no image is known");
        }
    }

    fn destination(&self, one: &KnownComponent) -> Result<Option<Repository>, Failure> {
        copy_image::expected(&self.requests.copy.source, &one.name, &one.repository)
    }

    async fn push(&self, repository: &Repository) -> Result<String, Failure> {
        let tried = self.context.registry.try_push(repository).await;
        tried.map_err(registry_failure)?;
        Ok("an upload was opened and cancelled".to_owned())
    }

    /// Checks the right to push to the GitOps repository, and tries the edit as a dry run.
    async fn edit(
        &self,
        found: &[KnownComponent],
        tagged: Option<&ExtractedTag>,
        lines: &mut Lines,
    ) {
        if let DeployTarget::Remote { url, .. } = &self.requests.deploy.target {
            let (name, url) = (format!("GitOps repository {url}"), url.clone());
            let tried = self.gitops.git.run(move |git| git.try_push(&url)).await;
            let tried = tried.map(|()| "the login may push".to_owned());
            let advice = "the login of --gitops-credentials-dir needs the right to write";
            lines.add(&name, tried.map_err(git_failure), advice);
        }
        if found.is_empty() {
            lines.leave_out("GitOps edit", "no image is known");
            return;
        }
        let tried = self.trial(found, tagged).await;
        lines.add(
            "GitOps edit",
            tried,
            "docs/gitops.md lists the files that are searched for the image; --set update-deployment.FLAG names another place",
        );
    }

    async fn trial(
        &self,
        found: &[KnownComponent],
        tagged: Option<&ExtractedTag>,
    ) -> Result<String, Failure> {
        let mut images = Vec::new();
        for one in found {
            if let Some(reference) = self.reference(one, tagged)? {
                images.push(DeployedImage::new(one.name.clone(), reference));
            }
        }
        let is_known = found.iter().all(|one| one.digest.is_some());
        let request = DeployRequest {
            images: DeployImages::Trial {
                images,
                release: ReleaseSource::default(),
            },
            dry_run: true,
            // A placeholder digest has no build time.
            allow_rollback: self.requests.deploy.allow_rollback || !is_known,
            ..self.requests.deploy.clone()
        };
        let done = update_deployment::perform(request, &self.gitops).await?;
        let diff = String::from_utf8_lossy(&done.stdout);
        let files = diff.lines().filter(|line| line.starts_with("+++ "));
        let files: Vec<_> = files
            .map(|line| line[4..].trim_start_matches("b/"))
            .collect();
        Ok(match files.is_empty() {
            true => "nothing to change".to_owned(),
            false => format!("would change {}", files.join(", ")),
        })
    }

    /// Returns the image as it will be named at its destination.
    fn reference(
        &self,
        one: &KnownComponent,
        tagged: Option<&ExtractedTag>,
    ) -> Result<Option<Reference>, Failure> {
        let Some(repository) = self.destination(one)? else {
            return Ok(None);
        };
        let commit = tagged.and_then(|tagged| tagged.commit.as_deref());
        let git_tag = tagged.map_or("0.0.0", |tagged| tagged.tag.as_str());
        let tag: Tag = match (self.requests.copy.tags.first(), tagged) {
            (Some(template), _) => {
                let text = template
                    .replace("{name}", &one.name)
                    .replace("{commit}", commit.unwrap_or_default())
                    .replace("{tag}", git_tag);
                text.parse().or_fail(Kind::Usage)?
            }
            (None, Some(tagged)) => tagged.destination.clone(),
            (None, None) => "0.0.0".parse().or_fail(Kind::Bug)?,
        };
        let mut reference = repository.tagged(&tag);
        reference.digest = Some(one.digest.unwrap_or_else(|| Digest::of(b"unknown")));
        Ok(Some(reference))
    }
}
