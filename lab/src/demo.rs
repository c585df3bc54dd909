//! The tour: one image goes from its Git tag to the GitOps commit, then the attacks are refused.

mod attacks;
mod registry_lies;
mod stage;
mod story;

use std::{
    io::{self, IsTerminal as _},
    num::NonZero,
    path::Path,
    process::ExitCode,
    thread,
    time::Instant,
};

use anyhow::{Result, anyhow};
pub use attacks::{ATTACKS, Attack, Ending};
use stage::{Done, Played, Stage};
use story::Story;
pub use story::has_colours;

use crate::{binary::Missing, chain::Step, tekton::Show};

/// Show the chain and the attacks on this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show this attack and its honest twin only
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    attack: Option<String>,
    /// List the attacks
    #[arg(long)]
    list: bool,
}

/// A promotion in which nobody lies.
const HONEST: Attack = attacks::HONEST;

/// Shows what was asked for: 0 when everything ended as it must, else 1.
pub fn run(args: &Args, promote: impl FnOnce() -> Result<std::path::PathBuf>) -> Result<ExitCode> {
    let story = Story::new();
    if args.list {
        for attack in ATTACKS {
            story.line(&format!("{:<30} {}", attack.name, attack.deed));
        }
        return Ok(ExitCode::SUCCESS);
    }
    crate::binary::need_git()?;
    let chosen = args.attack.as_deref().map(find).transpose()?;
    // It may have to be built first, which is no time of the demo's.
    let promote = promote()?;
    let started = Instant::now();
    let right = match chosen {
        Some(attack) => {
            let (twin, lie) = (
                play(attack, &promote, false)?,
                play(attack, &promote, true)?,
            );
            show_twin(story, attack, &twin) & show_attack(story, attack, &lie)
        }
        None => tour(story, &promote)?,
    };
    let seconds = started.elapsed().as_secs_f32();
    if right {
        story.heading(&format!("All ended as it must, in {seconds:.1} s."));
        return Ok(ExitCode::SUCCESS);
    }
    story.heading("Something ended as it must not: see ✗ above.");
    Ok(ExitCode::FAILURE)
}

fn find(name: &str) -> Result<&'static Attack> {
    ATTACKS
        .iter()
        .find(|attack| attack.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = ATTACKS.iter().map(|attack| attack.name).collect();
            let names = names.join(", ");
            anyhow!(Missing(format!(
                "no attack is named {name:?}; there are {names}"
            )))
        })
}

fn tour(story: Story, promote: &Path) -> Result<bool> {
    story.heading("One image, from the Git tag to the deployment");
    let mut stage = Stage::new(promote, false)?;
    // On a terminal the run is seen while it goes on.
    if io::stdout().is_terminal() {
        stage.show = Show::suited();
    }
    story.aside(&format!("registry  {}", stage.universe.registry.address()));
    story.aside(&format!("Git       {}", stage.universe.git.address()));
    let played = stage.play(&HONEST)?;
    for done in &played.steps {
        show_step(story, &stage, done);
    }
    let mut right = told(story, &stage.judge(&HONEST, &played));
    story.aside(&format!("production runs {}", stage.universe.deployed()?));
    story.heading("The attacks");
    right &= all(promote, true, |attack, ended| {
        show_attack(story, attack, ended)
    })?;
    story.heading("The same without the lie");
    right &= all(promote, false, |attack, ended| {
        show_twin(story, attack, ended)
    })?;
    Ok(right)
}

/// A promotion that has ended, in the universe in which it happened, and whether it ended as it must.
struct Ended {
    stage: Stage,
    played: Played,
    judged: Result<()>,
}

/// Plays an attack, or its honest twin, in a universe of its own.
fn play(attack: &Attack, promote: &Path, lie: bool) -> Result<Ended> {
    let mut stage = Stage::new(promote, lie)?;
    let played = stage.play(attack)?;
    let judged = stage.judge(attack, &played);
    Ok(Ended {
        stage,
        played,
        judged,
    })
}

/// Plays all attacks, or their twins, as many at once as there are processors, and shows them in order.
fn all(promote: &Path, lie: bool, show: impl Fn(&Attack, &Ended) -> bool) -> Result<bool> {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    let mut right = true;
    for attacks in ATTACKS.chunks(at_once) {
        let ended: Vec<_> = thread::scope(|scope| {
            let playing: Vec<_> = attacks
                .iter()
                .map(|attack| scope.spawn(move || play(attack, promote, lie)))
                .collect();
            let panicked = |_| Err(anyhow!("the attack's thread panicked"));
            let joined = playing.into_iter().map(|one| one.join());
            joined.map(|ended| ended.unwrap_or_else(panicked)).collect()
        });
        for (attack, ended) in attacks.iter().zip(ended) {
            right &= show(attack, &ended?);
        }
    }
    Ok(right)
}

/// One line for a step with what it handed on.
fn show_step(story: Story, stage: &Stage, done: &Done) {
    let name = done.step.command();
    if done.code != 0 {
        story.stop(&format!("{name}: {}", done.reason()));
        return;
    }
    let result = |name: &str| done.result(name);
    let digest = &stage.universe.image.digest;
    let text = match done.step {
        Step::ExtractTag => format!("{} → {}", stage.tag, result("DESTINATION_IMAGE_TAG")),
        Step::GatherImages => format!("commit {} → {digest}", result("COMMIT")),
        Step::VerifyEc => format!("signature, provenance and policy hold for {digest}"),
        Step::CopyImage => result("PROMOTED").to_owned(),
        Step::UpdateDeployment => format!("commit {} pushed", result("GITOPS_COMMIT")),
    };
    story.done(name, &text);
}

/// One line that says what somebody did, who refused it for which reason, and that nothing moved.
fn show_attack(story: Story, attack: &Attack, ended: &Ended) -> bool {
    let (name, deed, check) = (attack.name, attack.deed, attack.check);
    let judged = ended.judged.as_ref().map_err(|error| format!("{error:#}"));
    let last = judged.and_then(|()| {
        let last = ended.played.last();
        last.map_err(|error| format!("{error:#}"))
    });
    let last = match last {
        Ok(last) => last,
        Err(error) => {
            story.wrong(&format!("{name}: somebody {deed}"));
            story.aside(&error);
            return false;
        }
    };
    match attack.ending {
        Ending::Refused { by, .. } => {
            let by = by.command();
            story.stop(&format!(
                "{name}: somebody {deed}; {by} refused: {check}; no tag and no ref moved"
            ));
            story.aside(&last.reason());
        }
        Ending::NoEffect(outcome) => {
            story.stop(&format!(
                "{name}: somebody {deed}; in vain: {check}; {outcome}"
            ));
        }
    }
    true
}

fn show_twin(story: Story, attack: &Attack, ended: &Ended) -> bool {
    if ended.judged.is_ok() {
        let digest = &ended.stage.universe.image.digest;
        story.done(attack.name, &format!("promoted {digest}"));
    }
    told(story, &ended.judged)
}

/// Plays an attack, or its honest twin, and checks how it ends.
pub fn check(attack: &Attack, promote: &Path, lie: bool) -> Result<()> {
    play(attack, promote, lie)?.judged
}

fn told(story: Story, judged: &Result<()>) -> bool {
    if let Err(error) = judged {
        story.wrong(&format!("{error:#}"));
    }
    judged.is_ok()
}
