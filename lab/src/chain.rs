//! The five commands by hand, with their arguments as typed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::universe::Universe;

/// The name of the configuration of `promote run`.
pub const CONFIG: &str = "promote.yaml";

/// One command of a promotion by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    ExtractTag,
    GatherImages,
    VerifyEc,
    CopyImage,
    UpdateDeployment,
}

impl Step {
    pub const ALL: [Self; 5] = [
        Self::ExtractTag,
        Self::GatherImages,
        Self::VerifyEc,
        Self::CopyImage,
        Self::UpdateDeployment,
    ];

    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::ExtractTag => "extract-tag",
            Self::GatherImages => "gather-images",
            Self::VerifyEc => "verify-ec",
            Self::CopyImage => "copy-image",
            Self::UpdateDeployment => "update-deployment",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; -1 when it was killed.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A promotion by hand: universe, program and tag.
#[derive(Clone)]
pub struct Chain<'a> {
    /// The universe in which it happens.
    pub universe: &'a Universe,
    pub promote: PathBuf,
    /// Where the hand-over files and results lie.
    pub dir: PathBuf,
    pub tag: String,
    /// More flags of single commands; one replaces the flag of the same name.
    pub more: Vec<(Step, String)>,
}

impl Chain<'_> {
    /// Returns the arguments of one command; `result` returns a result of an earlier one.
    #[must_use]
    pub fn arguments(&self, step: Step, result: impl Fn(Step, &str) -> String) -> Vec<String> {
        let universe = self.universe;
        let dir = self.dir.display();
        let mut arguments = vec![step.command().to_owned(), format!("--data-dir={dir}")];
        arguments.push(format!("--results-dir={dir}/{}", step.command()));
        let images_digest = || result(Step::GatherImages, "IMAGES_DIGEST");
        let own = match step {
            Step::ExtractTag => vec![
                format!("--ref=refs/tags/{}", self.tag),
                "--template=prod-{tag}".to_owned(),
                format!("--git-url={}", universe.source_url()),
                self.credentials(),
            ],
            Step::GatherImages => self.gather(&result(Step::ExtractTag, "DESTINATION_IMAGE_TAG")),
            Step::VerifyEc => vec![
                "--images=file:images.json".to_owned(),
                format!("--images-digest={}", images_digest()),
                format!("--policy={}", universe.policy_url()),
                format!("--public-key={}", universe.public_key().display()),
                "--ignore-rekor".to_owned(),
                self.credentials(),
            ],
            Step::CopyImage => vec![
                "--verified=file:verified.json".to_owned(),
                format!(
                    "--verified-digest={}",
                    result(Step::VerifyEc, "VERIFIED_DIGEST")
                ),
                "--tag=prod-{tag}".to_owned(),
                format!("--to={}", universe.destination()),
            ],
            Step::UpdateDeployment => vec![
                "--promoted=file:promoted.json".to_owned(),
                format!(
                    "--promoted-digest={}",
                    result(Step::CopyImage, "PROMOTED_DIGEST")
                ),
                format!("--gitops-repo-url={}", universe.gitops_url()),
                "--environment=prod".to_owned(),
                self.credentials(),
            ],
        };
        arguments.extend(own);
        let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
        for (_, flag) in self.more.iter().filter(|(of, _)| *of == step) {
            arguments.retain(|own| name(own) != name(flag));
            arguments.push(flag.clone());
        }
        arguments
    }

    fn gather(&self, destination_tag: &str) -> Vec<String> {
        let mut arguments = self.universe.image_flags();
        arguments.extend([
            format!("--git-url={}", self.universe.source_url()),
            format!("--revision={}", self.tag),
            format!("--destination-tag={destination_tag}"),
            self.credentials(),
        ]);
        arguments
    }

    /// The arguments of `promote run`, which does the same in one process.
    #[must_use]
    pub fn run_arguments(&self) -> Vec<String> {
        let universe = self.universe;
        let mut arguments = vec!["run".to_owned(), format!("--ref=refs/tags/{}", self.tag)];
        arguments.extend(universe.image_flags());
        arguments.extend([
            format!("--git-url={}", universe.source_url()),
            format!("--policy={}", universe.policy_url()),
            format!("--public-key={}", universe.public_key().display()),
            "--ignore-rekor".to_owned(),
            "--destination-tag=prod-{tag}".to_owned(),
            format!("--to={}", universe.destination()),
            format!("--gitops-repo-url={}", universe.gitops_url()),
            "--environment=prod".to_owned(),
            self.credentials(),
            format!("--out={}", self.dir.display()),
        ]);
        arguments
    }

    /// `promote.yaml` for the same: one section per command, its flags as keys.
    #[must_use]
    pub fn config(&self) -> String {
        let universe = self.universe;
        let images = universe.image_flags();
        let images: Vec<_> = images
            .iter()
            .filter_map(|flag| flag.strip_prefix("--image="))
            .collect();
        format!(
            "\
extract-tag:
  ref: refs/tags/{tag}
  template: prod-{{tag}}
  git-url: {source}
gather-images:
  image: [{images}]
  git-url: {source}
verify-ec:
  policy: {policy}
  public-key: {key}
  ignore-rekor: true
copy-image:
  to: {production}
update-deployment:
  gitops-repo-url: {gitops}
  environment: prod
",
            tag = self.tag,
            source = universe.source_url(),
            images = images.join(", "),
            policy = universe.policy_url(),
            key = universe.public_key().display(),
            production = universe.destination(),
            gitops = universe.gitops_url(),
        )
    }

    /// The arguments of `promote run` with that file.
    #[must_use]
    pub fn config_arguments(&self) -> Vec<String> {
        vec![
            "run".to_owned(),
            format!("--config={}", self.dir.join(CONFIG).display()),
            self.credentials(),
            format!("--out={}", self.dir.display()),
        ]
    }

    fn credentials(&self) -> String {
        let dir = self.universe.credentials();
        format!("--git-credentials-dir={}", dir.display())
    }

    /// Runs one command with the results of those before.
    pub fn step(&self, step: Step) -> Result<Ran> {
        self.promote(&self.arguments(step, |of, name| self.result(of, name)))
    }

    pub fn all(&self) -> Result<Vec<(Step, Ran)>> {
        let mut steps = Vec::new();
        for step in Step::ALL {
            let ran = self.step(step)?;
            let failed = ran.code != 0;
            steps.push((step, ran));
            if failed {
                break;
            }
        }
        Ok(steps)
    }

    /// Runs the program in the directory, with a scrubbed environment and a fixed clock.
    pub fn promote(&self, arguments: &[String]) -> Result<Ran> {
        let home = self.dir.join("home");
        fs::create_dir_all(&home)?;
        let output = Command::new(&self.promote)
            .args(arguments)
            .current_dir(&self.dir)
            .env_clear()
            .env("HOME", &home)
            .env("SOURCE_DATE_EPOCH", "1767322000")
            .output()
            .with_context(|| format!("cannot run {}", self.promote.display()))?;
        Ok(Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// A result that a command wrote; empty when it wrote none.
    #[must_use]
    pub fn result(&self, step: Step, name: &str) -> String {
        read(&self.dir.join(step.command()).join(name))
    }

    /// A file that a command wrote; empty when it wrote none.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        read(&self.dir.join(name))
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
