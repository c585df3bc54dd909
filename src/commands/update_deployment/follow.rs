//! `--follow TAG`: resolves the image of a floating tag, verifies it as `verify-ec` does, and deploys it.
//!
//! 1. resolve the tag in each repository, once
//! 2. change nothing while one of the images is too young
//! 3. evaluate the policy for the images; a refusal ends here
//! 4. return the verdict as copy-image would: the images are where they are deployed from already

use std::time::Duration;

use serde_json::json;

use super::DeployRequest;
use crate::{
    commands::{
        Context, Outcome,
        failures::{handover_failure, registry_failure},
        gather_images::{
            self, GatherRequest, ImageSource, NamedRepository, Strategy, named_repository,
        },
        trust_flags::TrustFlags,
        verify_ec,
    },
    failure::{Failure, Kind, OrFail as _},
    gate::{GateRequest, Keep, Moment, PolicyRequest, SignatureChecks},
    handover::{Copied, Promoted, PromotedComponent, PromotedFile, VERSION},
    image::{Reference, Tag},
    lineage::ImageOrigin,
    policy::{Dialect, Paths},
    report::Show,
    snapshot::Images,
};

/// Flags by which the image of a floating tag is verified.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FollowFlags {
    /// Verify and deploy the image that has this floating tag in the repository of each --image
    #[arg(long, value_name = "TAG", requires = "policy", conflicts_with_all = ["promoted", "promoted_digest", "unverified", "allow_empty"])]
    pub(super) follow: Option<Tag>,
    /// Change nothing while an image is younger than this, such as 6h or 3d
    #[arg(long, value_name = "DURATION", requires = "follow", value_parser = age)]
    min_age: Option<Duration>,
    /// The policy: a configuration (file, inline text, URL, cluster resource), or a directory or repository with rules
    #[arg(long, value_name = "POLICY", requires = "follow")]
    policy: Option<String>,
    /// Add this value to the rule data of every source group
    #[arg(long, value_name = "KEY=VALUE", requires = "follow")]
    extra_rule_data: Vec<String>,
    /// Refuse an image unless its signature names the component's image repository, or its provenance the component's source
    #[arg(long, requires = "follow")]
    require_source: bool,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Repositories whose floating tag is followed.
#[derive(Debug, Clone)]
pub(crate) struct Follow {
    tag: Tag,
    images: Vec<NamedRepository>,
    flags: FollowFlags,
}

impl Follow {
    /// Converts the flags and the values of `--image` into a request; `None` without `--follow`.
    ///
    /// # Errors
    /// [`Kind::Usage`] without images, for one with a tag or digest, and for flags about signers without `--follow`.
    pub(super) fn new<'a>(
        flags: FollowFlags,
        images: impl Iterator<Item = &'a String>,
    ) -> Result<Option<Self>, Failure> {
        let Some(tag) = flags.follow.clone() else {
            return match flags.trust.is_empty() {
                true => Ok(None),
                false => Err(Failure::message(
                    Kind::Usage,
                    "keys and signers are for --follow: a promoted.json was verified before it was written",
                )
                .hint("add --follow TAG --policy POLICY, or leave them out")),
            };
        };
        let images = images
            .map(|given| repository(given))
            .collect::<Result<Vec<_>, _>>()?;
        if images.is_empty() {
            return Err(Failure::message(
                Kind::Usage,
                "--follow has no repository in which to resolve the tag",
            )
            .hint("name each by --image [NAME=]REPO"));
        }
        Ok(Some(Self { tag, images, flags }))
    }

    /// Resolves and verifies the images; `None` while one is too young.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when a repository does not have the tag, [`Kind::Refused`] when the policy refuses an image.
    pub(super) async fn verified(
        &self,
        context: &Context,
    ) -> Result<Option<PromotedFile>, Failure> {
        let dir = tempfile::tempdir().or_fail(Kind::Usage)?;
        let components: Vec<_> = self
            .images
            .iter()
            .map(|image| json!({"name": image.name, "containerImage": format!("{}:{}", image.repository, self.tag)}))
            .collect();
        let request = GatherRequest {
            source: ImageSource::Snapshot(json!({"components": components}).to_string()),
            git_url: None,
            revision: None,
            commit: None,
            strategy: Strategy::Auto,
            cross_check: false,
            destination_tag: None,
            allow_empty: false,
            images_out: Some(dir.path().join("images.json")),
        };
        let images = gather_images::perform(&request, context).await?.images;
        if let Some(limit) = self.flags.min_age
            && !self.are_old(&images, limit, context).await?
        {
            return Ok(None);
        }
        let request = verify_ec::Request {
            shard: None,
            promotion: None,
            subject: verify_ec::VerdictSubject::Gathered(Box::new(images)),
            allow_empty: false,
            gate: self.gate(context)?,
            outputs: Vec::new(),
            show: show(context),
            strict: true,
            verified_out: Some(dir.path().join("verified.json")),
        };
        let done = verify_ec::perform(request, context).await?;
        let placed = match (&done.failure, done.verified()) {
            (None, Some(verdict)) => Some(self.placed(verdict)?),
            _ => None,
        };
        if let Some(placed) = placed {
            return Ok(Some(placed));
        }
        let outcome = Outcome::from(done);
        let report = String::from_utf8_lossy(&outcome.stdout);
        for line in report.lines().filter(|line| !line.trim().is_empty()) {
            tracing::warn!("{}", crate::text::line(line));
        }
        Err(outcome
            .failure
            .unwrap_or_else(|| Failure::message(Kind::Refused, "the images have no verdict")))
    }

    /// Tells whether every image is old enough.
    async fn are_old(
        &self,
        images: &Images,
        limit: Duration,
        context: &Context,
    ) -> Result<bool, Failure> {
        for (component, image) in images.components() {
            let created =
                ImageOrigin::created(&context.registry, &image.repository, image.digest).await;
            let Some(created) = created.map_err(registry_failure)? else {
                let text = format!("{} {image} has no creation time", component.name);
                return Err(Failure::message(Kind::Refused, text)
                    .hint("leave --min-age out, or build the image with a creation time"));
            };
            let age = context.clock.now().duration_since(created);
            if Duration::try_from(age).is_ok_and(|age| age >= limit) {
                continue;
            }
            tracing::info!(
                "{} {image} was created at {created}: too young for --min-age, nothing is deployed",
                component.name
            );
            return Ok(false);
        }
        Ok(true)
    }

    fn gate(&self, context: &Context) -> Result<GateRequest, Failure> {
        let moment = Moment::parse("now", false, context.clock.now());
        Ok(GateRequest {
            trust: self.flags.trust.clone().into(),
            policy: PolicyRequest {
                policy: self.flags.policy.clone().unwrap_or_default(),
                rule_data: verify_ec::rule_data(&self.flags.extra_rule_data)?,
                dialect: Dialect::Promote,
                by_intention: false,
                allow_empty: false,
                paths: Paths::Own,
                hosts: Vec::new(),
            },
            moment: moment.or_fail(Kind::Usage)?,
            checks: SignatureChecks {
                image_signature: true,
                attestation_signature: true,
            },
            workers: 5,
            keep: Keep::default(),
            wording: Dialect::Promote,
            recorded: Vec::new(),
            require_source: self.flags.require_source,
            allow_unattested: false,
        })
    }

    /// Returns the verdict in the shape of a `promoted.json`: every image is at its destination.
    fn placed(&self, verdict: &crate::handover::VerifiedFile) -> Result<PromotedFile, Failure> {
        let verified = verdict.verified();
        let mut components = Vec::new();
        for image in &self.images {
            let mut all = verified.components.iter();
            let judged = all.find(|one| one.name == image.name);
            let judged = judged.ok_or_else(|| {
                let text = format!("the verdict does not list {}", image.name);
                Failure::message(Kind::Bug, text)
            })?;
            let pinned = verdict.image(judged).map_err(handover_failure)?;
            components.push(PromotedComponent {
                name: image.name.clone(),
                version: None,
                source: pinned.clone(),
                destinations: vec![Reference {
                    repository: pinned.repository.clone(),
                    tag: Some(self.tag.clone()),
                    digest: None,
                }],
                digest: pinned.digest,
                previous_digest: None,
                media_type: None,
                size: None,
                copied: Copied::default(),
            });
        }
        let promoted = Promoted {
            version: VERSION,
            verified_digest: Some(verdict.digest()),
            git_tag: None,
            commit: None,
            policy_digest: Some(verified.policy.digest),
            report_digest: Some(verified.report_digest),
            unchecked: Vec::new(),
            source: None,
            promoted_at: None,
            components,
        };
        let bytes = serde_json::to_vec(&promoted).or_fail(Kind::Bug)?;
        PromotedFile::parse(&bytes, "the verdict", None).map_err(handover_failure)
    }
}

impl DeployRequest {
    /// Resolves and verifies the images of `--follow`; `None` while one is too young.
    pub(super) async fn followed(mut self, context: &Context) -> Result<Option<Self>, Failure> {
        if let super::DeployImages::Follow(follow) = &self.images {
            let Some(placed) = follow.verified(context).await? else {
                return Ok(None);
            };
            self.images = super::DeployImages::Followed(Box::new(placed));
        }
        Ok(Some(self))
    }
}

fn show(context: &Context) -> Show {
    Show {
        info: false,
        successes: false,
        warnings: true,
        docs_link: false,
        color: context.color,
        dialect: Dialect::Promote,
        now: context.clock.written(),
    }
}

/// Parses `[NAME=]REPO` without a tag.
fn repository(given: &str) -> Result<NamedRepository, Failure> {
    let hint = "with --follow it names a repository alone: the tag is that of --follow";
    named_repository(given).map_err(|failure| failure.hint(hint))
}

/// Parses a number with its unit: s, m, h or d.
fn age(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number with its unit: s, m, h or d".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    let number: u64 = text
        .trim_end_matches(unit)
        .parse()
        .map_err(|_| expected())?;
    let all = number.checked_mul(seconds).ok_or_else(expected)?;
    Ok(Duration::from_secs(all))
}
