//! The flags of each step: those of the configuration file, overridden by the command line.

use clap::ValueEnum as _;

use super::{
    Args, Requests,
    config::{RunConfig, StepFlags},
    in_step,
};
use crate::{
    commands::{
        Context, attest, copy_image, extract_tag, gather_images, update_deployment, verify_ec,
    },
    failure::{Failure, Kind},
};

/// The flags of extract-tag of which one names the tag.
const EVENTS: [&str; 4] = ["ref", "tag", "event-file", "repo"];

/// The flags of every step: those of the configuration file and those of `run`.
pub(super) struct Steps<'a> {
    pub(super) args: &'a Args,
    pub(super) config: &'a RunConfig,
    /// Settings of the file that weaken a check.
    pub(super) weakened: Vec<String>,
}

impl Steps<'_> {
    /// Parses the flags of every step.
    ///
    /// # Errors
    /// The message that a user of the step would read, with its name.
    pub(super) fn requests(&self, context: &Context) -> Result<Requests, Failure> {
        let tag: extract_tag::Args = self.extract_tag().parse("extract-tag")?;
        let gather: gather_images::Args = self.gather_images().parse("gather-images")?;
        let verify: verify_ec::Args = self.verify_ec().parse("verify-ec")?;
        let copy: copy_image::Args = self.copy_image().parse("copy-image")?;
        let attest: attest::Args = self.attest().parse("attest")?;
        let deploy: update_deployment::Args =
            self.update_deployment().parse("update-deployment")?;
        let verify = verify.request(context.clock, context.color);
        let mut verify = verify.map_err(in_step("verify-ec"))?;
        verify.gate.recorded.clone_from(&self.weakened);
        Ok(Requests {
            tag: tag.try_into().map_err(in_step("extract-tag"))?,
            gather: gather.try_into().map_err(in_step("gather-images"))?,
            verify,
            copy: copy.try_into().map_err(in_step("copy-image"))?,
            attest: attest.try_into().map_err(in_step("attest"))?,
            deploy: deploy.try_into().map_err(in_step("update-deployment"))?,
        })
    }

    /// Names every flag that is missing, by the names that `run` has for them.
    ///
    /// # Errors
    /// [`Kind::Usage`].
    pub(super) fn check_whole(&self) -> Result<(), Failure> {
        let args = self.args;
        let in_file = |step: &str, keys: &[&str]| {
            let flags = self.config.step(step);
            keys.iter().any(|key| flags.has(key))
        };
        let images = !args.image.is_empty() || !args.images.is_empty();
        // The key is not among them: a policy configuration may name it.
        let needs = [
            (
                "--tag, --ref or --event-file",
                args.tag_is_optional || self.has_event(),
            ),
            (
                "--image",
                images || in_file("gather-images", &["image", "snapshot", "overlay"]),
            ),
            (
                "--policy",
                args.policy.is_some() || in_file("verify-ec", &["policy"]),
            ),
            (
                "--gitops-repo-url",
                args.gitops_repo_url.is_some()
                    || in_file("update-deployment", &["gitops-repo-url", "local"]),
            ),
        ];
        let missing = needs.iter().filter(|(_, given)| !given);
        let missing: Vec<_> = missing.map(|(flag, _)| *flag).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let text = format!("some flags are missing: {}", missing.join("; "));
        Err(Failure::message(Kind::Usage, text)
            .hint("give them on the command line, or in the file of --config"))
    }

    /// Tells whether a tag, ref or event is given.
    pub(super) fn has_event(&self) -> bool {
        let flags = self.event();
        EVENTS.iter().any(|flag| flags.has(flag))
    }

    /// Returns the flags of extract-tag with the tag, ref or event that was given.
    fn event(&self) -> StepFlags {
        let args = self.args;
        let mut flags = self.step("extract-tag");
        let file = args
            .event_file
            .as_ref()
            .map(|file| file.to_string_lossy().into_owned());
        if args.r#ref.is_some() || args.tag.is_some() || file.is_some() {
            flags.remove_all(&EVENTS);
        }
        flags
            .set_some("ref", args.r#ref.as_ref())
            .set_some("tag", args.tag.as_ref())
            .set_some("event-file", file.as_ref());
        flags
    }

    fn extract_tag(&self) -> StepFlags {
        let args = self.args;
        let mut flags = self.event();
        if args.tag_is_optional && !self.has_event() {
            flags.set("tag", "0.0.0");
        }
        flags
            .set_some("git-url", args.git_url.as_ref())
            .set_some("template", args.destination_tag.as_ref())
            .set_default("template", "prod-{tag}");
        flags
    }

    fn gather_images(&self) -> StepFlags {
        let mut flags = self.step("gather-images");
        let images = [&self.args.image[..], &self.args.images[..]].concat();
        if !images.is_empty() {
            flags.remove_all(&["images", "snapshot", "overlay", "target-branch"]);
        }
        flags
            .set_all("image", &images)
            .set_some("git-url", self.args.git_url.as_ref());
        flags
    }

    fn verify_ec(&self) -> StepFlags {
        let (args, trust) = (self.args, &self.args.trust);
        let mut flags = self.step("verify-ec");
        self.shut_out(&mut flags);
        flags
            .set_some("policy", args.policy.as_ref())
            .set_all("public-key", &trust.public_key)
            .set_all("certificate-identity", &trust.certificate_identity)
            .set_all(
                "certificate-identity-regexp",
                &trust.certificate_identity_regexp,
            )
            .set_some(
                "certificate-oidc-issuer",
                trust.certificate_oidc_issuer.as_ref(),
            )
            .set_some(
                "certificate-oidc-issuer-regexp",
                trust.certificate_oidc_issuer_regexp.as_ref(),
            )
            .set_some("rekor-url", trust.rekor_url.as_ref())
            .set_some("trusted-root", trust.root.trusted_root.as_ref())
            .set_some("tuf-mirror", trust.root.tuf_mirror.as_ref())
            .set_some("tuf-root", trust.root.tuf_root.as_ref())
            .set_some("tuf-root-checksum", trust.root.tuf_root_checksum.as_ref());
        if trust.insecure_ignore_sct {
            flags.set("insecure-ignore-sct", "true");
        }
        if trust.ignore_rekor {
            flags.set("ignore-rekor", "true");
        }
        if args.require_source {
            flags.set("require-source", "true");
        }
        flags
            .set_default("output", "text")
            .add("output", "json=file:report.json")
            .add("output", "html=file:report.html");
        flags
    }

    /// Removes the file's settings that the command line overrides: who signs, which
    /// root is trusted, and the flags that it switches off.
    fn shut_out(&self, flags: &mut StepFlags) {
        let trust = &self.args.trust;
        let (keys, root) = (&trust.public_key, &trust.root);
        let subjects = [
            &trust.certificate_identity,
            &trust.certificate_identity_regexp,
        ];
        let issuers = [
            &trust.certificate_oidc_issuer,
            &trust.certificate_oidc_issuer_regexp,
        ];
        let has_subject = subjects.iter().any(|subjects| !subjects.is_empty());
        let has_issuer = issuers.iter().any(|issuer| issuer.is_some());
        if has_subject || has_issuer {
            flags.remove("public-key");
        }
        if has_subject || !keys.is_empty() {
            flags.remove_all(&["certificate-identity", "certificate-identity-regexp"]);
        }
        if has_issuer || !keys.is_empty() {
            flags.remove_all(&["certificate-oidc-issuer", "certificate-oidc-issuer-regexp"]);
        }
        if root.trusted_root.is_some() || root.tuf_mirror.is_some() {
            let all = [
                "trusted-root",
                "tuf-mirror",
                "tuf-root",
                "tuf-root-checksum",
            ];
            flags.remove_all(&all);
        }
    }

    /// Returns the flags that the file sets for the step, without those that the command line switches off.
    fn step(&self, name: &str) -> StepFlags {
        let mut flags = self.config.step(name);
        for off in &self.args.off {
            flags.remove(off);
        }
        flags
    }

    fn copy_image(&self) -> StepFlags {
        let mut flags = self.step("copy-image");
        if self.args.to.is_some() {
            flags.remove("map");
        }
        if self.args.destination_tag.is_some() {
            flags.remove("tag");
        }
        let value = self
            .args
            .attached
            .and_then(|which| which.to_possible_value());
        let attached = value.map(|value| value.get_name().to_owned());
        flags
            .set_some("to", self.args.to.as_ref())
            .set_some("attached", attached.as_ref());
        if self.args.immutable {
            flags.set("immutable", "true");
        }
        if self.args.allow_rollback {
            flags.set("allow-rollback", "true");
        }
        flags
    }

    fn attest(&self) -> StepFlags {
        let mut flags = self.step("attest");
        let run_url = self.step("update-deployment").first("run-url");
        if let Some(url) = run_url {
            flags.set_default("run-url", url);
        }
        flags
    }

    fn update_deployment(&self) -> StepFlags {
        let args = self.args;
        let mut flags = self.step("update-deployment");
        flags
            .set_some("gitops-repo-url", args.gitops_repo_url.as_ref())
            .set_some("branch", args.branch.as_ref())
            .set_some("environment", args.environment.as_ref());
        if args.allow_rollback {
            flags.set("allow-rollback", "true");
        }
        flags
    }
}
