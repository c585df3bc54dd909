//! One promotion in a universe of its own, with an attacker or without.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};

use super::attacks::{Attack, Ending};
use crate::{
    chain::{Chain, Step},
    universe::{COMPONENT, State, TAG, Universe},
};

/// Where a promotion happens.
pub(super) struct Stage {
    pub(super) universe: Arc<Universe>,
    pub(super) promote: PathBuf,
    /// The Git tag that is promoted.
    pub(super) tag: String,
    /// Whether the attacker does what the attack says; without it, the same is done honestly.
    pub(super) lie: bool,
    dir: tempfile::TempDir,
}

/// A step that ran.
pub(super) struct Done {
    pub(super) step: Step,
    pub(super) code: i32,
    /// What it printed on both streams.
    pub(super) said: String,
    pub(super) results: BTreeMap<String, String>,
}

/// A promotion that has ended.
pub(super) struct Played {
    /// The steps that ran, in order; all but the last ended well.
    pub(super) steps: Vec<Done>,
    /// What could have moved, before the promotion and after what the attacker did himself.
    before: State,
    after: State,
}

impl Stage {
    pub(super) fn new(promote: &Path, lie: bool) -> Result<Self> {
        let stage = Self {
            universe: Arc::new(Universe::new()?),
            promote: promote.to_owned(),
            tag: TAG.to_owned(),
            lie,
            dir: tempfile::tempdir()?,
        };
        fs::create_dir_all(stage.data())?;
        Ok(stage)
    }

    /// The workspace on which the steps hand over their files.
    pub(super) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// A path beside the workspace.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The commands of this promotion.
    pub(super) fn chain(&self) -> Chain<'_> {
        Chain {
            universe: &self.universe,
            promote: self.promote.clone(),
            dir: self.data(),
            tag: self.tag.clone(),
            more: Vec::new(),
        }
    }

    /// Prepares and promotes.
    pub(super) fn play(&mut self, attack: &Attack) -> Result<Played> {
        (attack.prepare)(self)?;
        let mut before = self.universe.state()?;
        let chain = self.chain();
        let mut steps = Vec::new();
        for step in Step::ALL {
            let ran = chain.step(step)?;
            steps.push(Done {
                step,
                code: ran.code,
                said: ran.stdout + &ran.stderr,
                results: chain.results(step),
            });
            if ran.code != 0 {
                break;
            }
            if let Some((when, meddle)) = attack.meddle
                && when == step
            {
                meddle(self)?;
                before = self.universe.state()?;
            }
        }
        let after = self.universe.state()?;
        Ok(Played {
            steps,
            before,
            after,
        })
    }

    /// Checks that the promotion ended as the attack must end, or as its honest twin must.
    pub(super) fn judge(&self, attack: &Attack, played: &Played) -> Result<()> {
        match attack.ending {
            Ending::Refused { by, code, says } if self.lie => {
                self.judge_refusal(played, by, code, says)
            }
            _ => self.judge_promotion(played),
        }
    }

    fn judge_refusal(&self, played: &Played, by: Step, code: i32, says: &str) -> Result<()> {
        let last = played.last()?;
        let (name, said) = (last.step.command(), &last.said);
        ensure!(
            last.step == by && last.code == code,
            "expected {} to end with {code}, but {name} ended with {}:\n{said}",
            by.command(),
            last.code
        );
        ensure!(said.contains(says), "{name} did not say {says:?}:\n{said}");
        ensure!(
            played.before == played.after,
            "a tag or ref moved although {name} refused"
        );
        ensure!(
            !self.data().join("x").exists(),
            "a command in the tag was executed"
        );
        Ok(())
    }

    fn judge_promotion(&self, played: &Played) -> Result<()> {
        let last = played.last()?;
        let name = last.step.command();
        ensure!(
            last.code == 0,
            "{name} ended with {}:\n{}",
            last.code,
            last.said
        );
        let (universe, digest) = (&self.universe, &self.universe.image.digest);
        let target = format!("{}:prod-{}", universe.production(), self.tag);
        let key = format!("{}:prod-{}", crate::universe::PRODUCTION, self.tag);
        let tag = played.after.tags.get(&key);
        ensure!(
            tag == Some(digest),
            "{key} names {tag:?}, verified was {digest}"
        );
        let deployed = universe.deployed()?;
        ensure!(
            deployed == format!("{target}@{digest}"),
            "{COMPONENT} runs {deployed}"
        );
        if self.lie {
            let history = universe
                .gitops()?
                .git(&["log", "--format=%s", "main"], None)?;
            let raced =
                played.before.refs != played.after.refs && history.contains("somebody else");
            let pushes = history.lines().count();
            ensure!(
                pushes == 2 + usize::from(raced),
                "the branch has {pushes} commits:\n{history}"
            );
        }
        Ok(())
    }
}

impl Played {
    /// The step with which it ended.
    pub(super) fn last(&self) -> Result<&Done> {
        self.steps.last().context("no step ran")
    }
}

impl Done {
    pub(super) fn result(&self, name: &str) -> &str {
        self.results.get(name).map_or("", |value| value.trim())
    }

    /// The exit code and the line that says why.
    pub(super) fn reason(&self) -> String {
        let lines = self.said.lines().filter(|line| !line.trim().is_empty());
        let error = lines.clone().rfind(|line| line.starts_with("error"));
        let line = error.or_else(|| lines.clone().next_back());
        let line = line.unwrap_or("no message").trim_start_matches("error: ");
        format!("exit {}: {}", self.code, line.trim())
    }
}
