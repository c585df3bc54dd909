//! The tour: one image goes from its Git tag to the GitOps commit, then the attacks are refused.

mod attacks;
mod registry_lies;
mod stage;
mod story;

use std::{
    fmt,
    io::{self, IsTerminal as _},
    num::NonZero,
    path::Path,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Instant,
};

use anyhow::{Result, anyhow};
pub use attacks::{ATTACKS, Attack, Ending};
use stage::{Done, Played, Stage};
use story::Story;
pub use story::has_colours;

use crate::{binary::Missing, chain::Step, tekton::Show, universe::Universe};

/// Show the chain and the attacks on this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show this attack and its honest twin only
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    attack: Option<String>,
    /// List the attacks with the check that stops each
    #[arg(long)]
    list: bool,
}

/// A promotion without an attack: all parts are honest.
const HONEST: Attack = attacks::HONEST;

/// Shows the tour or one attack: 0 when everything ended as it must, else 1.
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
    // It may have to be built first, and that is not part of the demo's time.
    let promote = promote()?;
    let started = Instant::now();
    let mut score = Score::default();
    match chosen {
        Some(attack) => {
            score.twin(show_twin(story, attack, &play(attack, &promote, false)?));
            score.attack(show_attack(story, attack, &play(attack, &promote, true)?));
        }
        None => tour(story, &promote, &mut score)?,
    }
    let seconds = started.elapsed().as_secs_f32();
    story.heading(&format!("{score}, in {seconds:.1} s."));
    if !score.is_perfect() {
        story.line("Something ended as it must not: see ✗ above.");
        return Ok(ExitCode::FAILURE);
    }
    if chosen.is_none() {
        let attack = ATTACKS.first().map_or("", |attack| attack.name);
        story.line(&format!(
            "Next: lab demo --attack {attack}   one attack and the same without the lie"
        ));
        story
            .line("      lab serve                      the same servers for commands of your own");
    }
    Ok(ExitCode::SUCCESS)
}

/// Numbers of attacks that were stopped and of honest twins that passed.
#[derive(Debug, Default)]
struct Score {
    attacks: (usize, usize),
    twins: (usize, usize),
    wrong: bool,
}

impl Score {
    fn attack(&mut self, right: bool) {
        self.attacks = (self.attacks.0 + usize::from(right), self.attacks.1 + 1);
    }

    fn twin(&mut self, right: bool) {
        self.twins = (self.twins.0 + usize::from(right), self.twins.1 + 1);
    }

    fn is_perfect(&self) -> bool {
        let whole = |(right, all): (usize, usize)| right == all;
        !self.wrong && whole(self.attacks) && whole(self.twins)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((stopped, attacks), (promoted, twins)) = (self.attacks, self.twins);
        write!(
            f,
            "{stopped} of {attacks} attacks were stopped, {promoted} of {twins} honest twins were promoted"
        )
    }
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

/// A promotion for commands that are typed by hand.
pub struct Prepared {
    /// The Git tag that is promoted.
    pub tag: String,
    /// The deed of the attacker, and how the promotion ends.
    pub told: Option<String>,
}

impl Prepared {
    #[must_use]
    pub fn honest() -> Self {
        Self {
            tag: crate::universe::TAG.to_owned(),
            told: None,
        }
    }
}

/// Lets an attacker do in a universe what is done before the first step.
pub fn prepare(universe: &Arc<Universe>, promote: &Path, name: &str) -> Result<Prepared> {
    let attack = find(name)?;
    if let Some((step, _)) = attack.meddle {
        return Err(anyhow!(Missing(format!(
            "{name} happens after {}, so only lab demo --attack {name} shows it",
            step.command()
        ))));
    }
    let mut stage = Stage::of(Arc::clone(universe), promote, true)?;
    (attack.prepare)(&mut stage)?;
    let ending = match attack.ending {
        Ending::Refused { by, code, .. } => format!("{} ends with {code}", by.command()),
        Ending::NoEffect(what) => what.to_owned(),
    };
    let told = format!(
        "# The attacker {}.\n# {}: {ending}",
        attack.deed, attack.check
    );
    Ok(Prepared {
        tag: stage.tag.clone(),
        told: Some(told),
    })
}

fn tour(story: Story, promote: &Path, score: &mut Score) -> Result<()> {
    story.heading("One image, from the Git tag to the deployment");
    let mut stage = Stage::new(promote, false)?;
    // On a terminal the run is seen while it goes on.
    if io::stdout().is_terminal() {
        stage.show = Show::suited();
    }
    story.row("registry", &stage.universe.registry.address());
    story.row("Git", &stage.universe.git.address());
    let played = stage.play(&HONEST)?;
    for done in &played.steps {
        show_step(story, &stage, done);
    }
    score.wrong |= !is_expected(story, &stage.judge(&HONEST, &played));
    story.row("production runs", &short(&stage.universe.deployed()?));
    story.heading("The attacks");
    play_all(promote, true, |attack, ended| {
        score.attack(show_attack(story, attack, ended));
    })?;
    story.heading("The same without the lie");
    play_all(promote, false, |attack, ended| {
        score.twin(show_twin(story, attack, ended));
    })
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
fn play_all(promote: &Path, lie: bool, mut show: impl FnMut(&Attack, &Ended)) -> Result<()> {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
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
            show(attack, &ended?);
        }
    }
    Ok(())
}

/// One line for a step with what it handed on.
fn show_step(story: Story, stage: &Stage, done: &Done) {
    let name = done.step.command();
    if done.code != 0 {
        story.stop(name, &[done.reason()]);
        return;
    }
    let result = |name: &str| done.result(name);
    let digest = short(&stage.universe.image.digest);
    let text = match done.step {
        Step::ExtractTag => format!("{} → {}", stage.tag, result("DESTINATION_IMAGE_TAG")),
        Step::GatherImages => format!("commit {}, image {digest}", short(result("COMMIT"))),
        Step::VerifyEc => format!("signature, provenance and policy hold for {digest}"),
        Step::CopyImage => short(result("PROMOTED")),
        Step::UpdateDeployment => format!("commit {} pushed", short(result("GITOPS_COMMIT"))),
    };
    story.done(name, &text);
}

/// A text with the first twelve digits of each digest and commit.
fn short(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut digits = 0;
    for c in text.replace("sha256:", "").chars() {
        digits = if c.is_ascii_hexdigit() { digits + 1 } else { 0 };
        if digits <= 12 {
            shown.push(c);
        }
    }
    shown
}

/// The name beside what the attacker did, who refused it for which reason, and what the tool said.
fn show_attack(story: Story, attack: &Attack, ended: &Ended) -> bool {
    let deed = format!("An attacker {}.", attack.deed);
    let judged = ended.judged.as_ref().map_err(|error| format!("{error:#}"));
    let last = judged.and_then(|()| {
        let last = ended.played.last();
        last.map_err(|error| format!("{error:#}"))
    });
    let last = match last {
        Ok(last) => last,
        Err(error) => {
            story.wrong(attack.name, &[deed, error]);
            return false;
        }
    };
    match attack.ending {
        Ending::Refused { by, .. } => {
            let refusal = format!("{} refused: {}.", by.command(), attack.check);
            story.stop(attack.name, &[deed, refusal, short(&last.reason())]);
        }
        Ending::NoEffect(outcome) => {
            let effect = format!("It had no effect: {}; {outcome}.", attack.check);
            story.stop(attack.name, &[deed, effect]);
        }
    }
    true
}

fn show_twin(story: Story, attack: &Attack, ended: &Ended) -> bool {
    if ended.judged.is_ok() {
        let tag = &ended.stage.tag;
        story.done(attack.name, &format!("promoted as prod-{tag}"));
    }
    is_expected(story, &ended.judged)
}

/// Plays an attack, or its honest twin, and checks how it ends.
pub fn check(attack: &Attack, promote: &Path, lie: bool) -> Result<()> {
    play(attack, promote, lie)?.judged
}

fn is_expected(story: Story, judged: &Result<()>) -> bool {
    if let Err(error) = judged {
        story.wrong("", &[format!("{error:#}")]);
    }
    judged.is_ok()
}
