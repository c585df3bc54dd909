//! One promotion in a universe of its own, with an attacker or without.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::{
    attacks::{Attack, Ending},
    has_colours,
};
use crate::{
    chain::Step,
    event,
    tekton::{self, Run, Show, Status},
    universe::{COMPONENT, State, TAG, Universe},
};

/// One promotion: its universe, its tag, and if the attacker acts in it.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) universe: Arc<Universe>,
    pub(super) promote: PathBuf,
    /// The Git tag that is promoted.
    pub(super) tag: String,
    /// Plays the attack; without it, the same is done honestly.
    pub(super) lie: bool,
    /// The form in which the run is shown on standard error.
    pub(super) show: Show,
    dir: Arc<tempfile::TempDir>,
}

pub(super) struct Done {
    pub(super) step: Step,
    pub(super) code: i32,
    pub(super) said: String,
    pub(super) results: BTreeMap<String, String>,
}

/// The end of a promotion and the state that it left.
pub(super) struct Played {
    /// The steps that ran, in order; all but the last ended well.
    pub(super) steps: Vec<Done>,
    /// The report that the last Task of the Pipeline printed.
    shown: String,
    /// Tags and refs after the attacker's own action and before the promotion.
    before: State,
    after: State,
}

impl Stage {
    pub(super) fn new(promote: &Path, lie: bool) -> Result<Self> {
        Self::of(Arc::new(Universe::new()?), promote, lie)
    }

    /// A stage in a universe that is there already.
    pub(super) fn of(universe: Arc<Universe>, promote: &Path, lie: bool) -> Result<Self> {
        let stage = Self {
            universe,
            promote: promote.to_owned(),
            tag: TAG.to_owned(),
            lie,
            show: Show::Nothing,
            dir: Arc::new(tempfile::tempdir()?),
        };
        fs::create_dir_all(stage.data())?;
        Ok(stage)
    }

    /// The workspace on which the steps hand over their files.
    pub(super) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Returns a path in the universe's own directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Prepares, then runs the shipped Pipeline.
    pub(super) fn play(&mut self, attack: &Attack) -> Result<Played> {
        (attack.prepare)(self)?;
        let before = Arc::new(Mutex::new(self.universe.state()));
        let mut run = self.pipeline()?;
        if let Some((step, meddle)) = attack.meddle {
            let (stage, before) = (self.clone(), Arc::clone(&before));
            run = run.after(alias(step), move || {
                let state = meddle(&stage).and_then(|()| stage.universe.state());
                *before.lock().unwrap_or_else(PoisonError::into_inner) = state;
            });
        }
        let status = run.run()?;
        let before = std::mem::replace(
            &mut *before.lock().unwrap_or_else(PoisonError::into_inner),
            Err(anyhow!("taken")),
        )?;
        let mut steps: Vec<_> = Step::ALL
            .iter()
            .filter_map(|step| done(*step, &status, &self.data()))
            .collect();
        if let Some(failed) = steps.iter().position(|step| step.code != 0) {
            let late: Vec<_> = steps.drain(failed + 1..).map(|step| step.step).collect();
            ensure!(
                !late.contains(&Step::CopyImage) && !late.contains(&Step::UpdateDeployment),
                "the Pipeline went on after a failure"
            );
        }
        let shown = status.task("report").map(|task| task.log().to_owned());
        Ok(Played {
            steps,
            shown: shown.unwrap_or_default(),
            before,
            after: self.universe.state()?,
        })
    }

    /// The shipped PipelineRun, Pipeline and Tasks, started by the recorded push of the tag. Where the trigger refuses
    /// the name of the tag, the Pipeline is started by hand with that name.
    fn pipeline(&self) -> Result<Run> {
        let universe = &self.universe;
        let page = universe.source_page();
        let event = event::tag_push("gitlab-tag-push", &self.tag, &universe.commit, &page)?;
        let triggered = Run::new(tekton::shipped())
            .text("on-tag.yaml", universe.pipeline_run()?)
            .event(event);
        let run = match triggered.starts() {
            true => triggered,
            false => Run::new(tekton::shipped())
                .param("git-tag", &self.tag)
                .param("revision", &universe.commit)
                .param("git-url", universe.source_url())
                .param("images", format!("{COMPONENT}={}", universe.staging()))
                .param("policy", universe.policy_url())
                .param("to", universe.production())
                .param("gitops-repo-url", universe.gitops_url()),
        };
        Ok(run
            .promote(&self.promote)
            .show(self.show, has_colours(&io::stderr()))
            .param("public-key", universe.key.public_pem())
            .param("ignore-rekor", "true")
            .workspace("data", self.data())
            .workspace("docker-config", universe.path("docker-config"))
            .workspace("git-credentials", universe.credentials())
            .workspace("gitops-credentials", universe.credentials()))
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
        ensure!(last.cause().is_some(), "{name} named no error:\n{said}");
        ensure!(
            played.before == played.after,
            "a tag or ref moved although {name} refused"
        );
        let copies = matches!(by, Step::CopyImage | Step::UpdateDeployment);
        ensure!(
            copies || !played.shown.contains("Success: true"),
            "the Pipeline ended with the report of a success:\n{}",
            played.shown
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

/// The name of a command's Task in the Pipeline.
fn alias(step: Step) -> &'static str {
    match step {
        Step::ExtractTag => "extract-destination-image-tag",
        Step::GatherImages => "gather-images-to-verify",
        Step::VerifyEc => "verify-enterprise-contract",
        Step::CopyImage => "copy-image",
        Step::UpdateDeployment => "update-deployment",
    }
}

/// Returns the cause in an error's only line: in a log file, candidates are behind escaped line
/// breaks, hint and exit code behind the message.
fn cause_in_line(line: &str) -> &str {
    let line = line
        .trim_start_matches("error: ")
        .trim_start_matches("ERROR ");
    let message = line.split_once(" hint=\"").map_or(line, |(start, _)| start);
    let message = message
        .rsplit_once(" exitCode=")
        .map_or(message, |(start, _)| start);
    match message.rsplit_once("\\n") {
        Some((_, candidate)) => candidate.split_once(": ").map_or(candidate, |(_, why)| why),
        None => message
            .rsplit_once(" violations, first ")
            .or_else(|| message.rsplit_once(" 1 violation: "))
            .map_or(message, |(_, first)| first),
    }
}

/// Returns the end of a step, if it ran, with the lines of its log file on the workspace.
fn done(step: Step, status: &Status, data: &Path) -> Option<Done> {
    let task = status.tasks.iter().find(|task| task.name == alias(step))?;
    let logged = fs::read_to_string(data.join(format!("{}.log", step.command())));
    Some(Done {
        step,
        code: task.exit_code()?,
        said: format!("{}\n{}", task.log(), logged.unwrap_or_default()),
        results: task.attempts.last()?.results.clone(),
    })
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

    /// The exit code and the innermost cause.
    pub(super) fn reason(&self) -> String {
        let cause = self.cause().unwrap_or("no error is named");
        format!("exit {}: {cause}", self.code)
    }

    /// The innermost cause, as the error names it.
    fn cause(&self) -> Option<&str> {
        let lines = self.said.lines();
        // On standard error, or in a log file.
        let names_it = |line: &str| line.starts_with("error: ") || line.starts_with("ERROR ");
        let error = lines.skip_while(|line| !names_it(line));
        let error: Vec<_> = error
            .take_while(|line| !line.starts_with("hint: "))
            .filter(|line| !line.trim().is_empty())
            .collect();
        let cause = match error.as_slice() {
            [] => return None,
            [only] => cause_in_line(only),
            // A line for each candidate: where it lies and what is wrong with it.
            [.., last] => last.split_once(": ").map_or(*last, |(_, cause)| cause),
        };
        Some(cause.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::cause_in_line;

    #[test]
    fn a_line_of_a_log_file_ends_in_its_cause() {
        let line = r#"ERROR the images are refused: web has 2 violations, first a.b: No. Error: none\n  x.att layer 0: no subject is this image hint="the report" exitCode=4"#;
        assert_eq!(cause_in_line(line), "no subject is this image");
        let line = r#"ERROR it is refused: web has 1 violation: a.b: Frozen hint="x""#;
        assert_eq!(cause_in_line(line), "a.b: Frozen");
        let line = r#"ERROR it is refused: web has 2 violations, first a.b: Frozen hint="x""#;
        assert_eq!(cause_in_line(line), "a.b: Frozen");
        assert_eq!(cause_in_line("error: not there"), "not there");
    }
}
