//! One promotion in a universe of its own, with an attacker or without.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::attacks::{Attack, Ending};
use crate::{
    chain::{Chain, Ran, Step},
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

/// A promotion that has ended.
pub(super) struct Played {
    /// The steps that ran, in order; all but the last ended well.
    pub(super) steps: Vec<(Step, Ran)>,
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

    /// Prepares and promotes, and calls `done` after each step.
    pub(super) fn play(
        &mut self,
        attack: &Attack,
        mut done: impl FnMut(Step, &Ran, &Chain<'_>),
    ) -> Result<Played> {
        (attack.prepare)(self)?;
        let mut before = self.universe.state()?;
        let chain = self.chain();
        let mut steps = Vec::new();
        for step in Step::ALL {
            let ran = chain.step(step)?;
            done(step, &ran, &chain);
            let failed = ran.code != 0;
            steps.push((step, ran));
            if failed {
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
        let (step, ran) = played.last()?;
        let name = step.command();
        ensure!(
            step == by && ran.code == code,
            "expected {} to end with {code}, but {name} ended with {}:\n{}",
            by.command(),
            ran.code,
            ran.stderr
        );
        let said = format!("{}{}", ran.stdout, ran.stderr);
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
        let (step, ran) = played.last()?;
        if ran.code != 0 {
            bail!(
                "{} ended with {}:\n{}",
                step.command(),
                ran.code,
                ran.stderr
            );
        }
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
    pub(super) fn last(&self) -> Result<(Step, &Ran)> {
        let (step, ran) = self.steps.last().context("no step ran")?;
        Ok((*step, ran))
    }
}
