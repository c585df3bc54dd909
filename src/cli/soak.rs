//! Promotions in a row by one process while the network fails at random: the verdict is never
//! wrong, no commit is lost, and nothing stays behind in the process.
//!
//! Two tests that run by hand (`benches/soak/run`): the driver has the lab's servers and starts the
//! other one as a process, which promotes what it reads from standard input.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use clap::FromArgMatches as _;
use lab::{
    registry::{Effect, Fault},
    signer::{self, Image, Key},
    universe::{COMPONENT, STAGING, Universe},
};
use serde_json::{Value, json};

use super::{start::context, *};
use crate::{budget, progress::Progress};

/// The number of promotions without `SOAK_ROUNDS`.
const ROUNDS: usize = 200;
/// The number of promotions that fill the caches before growth is measured.
const WARM: usize = 60;
/// The bytes of heap that may be in use at the end beyond those after the first rounds.
const GROWTH: i64 = 1 << 20;

fn variable(name: &str) -> Option<String> {
    Env::of_process().get(name).map(str::to_owned)
}

/// Promotes as `main` does, but without an end of the process.
async fn promote(arguments: Vec<String>) -> Result<(), Failure> {
    let env = Env::of_process();
    let command = arguments::apply(Cli::command());
    let given = arguments.into_iter().map(OsString::from).collect();
    let line = arguments::arrange(given, &command);
    let command = arguments::with_variables(command, Some(&line), |_| false);
    let matches = command.try_get_matches_from(line.arguments).unwrap();
    let hosts = hosts::named_repositories(&matches);
    let cli = Cli::from_arg_matches(&matches).unwrap();
    let context = context(&cli.global, env, Progress::default())?;
    hosts
        .iter()
        .for_each(|url| context.git.trust_with_credentials(url));
    let outcome = cli.command.run(&context).await?;
    outcome.failure.map_or(Ok(()), Err)
}

/// Counts the descriptors of this process: all, and the sockets among them.
fn descriptors() -> (usize, usize) {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let targets: Vec<_> = entries
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .collect();
    let sockets = targets
        .iter()
        .filter(|to| to.to_string_lossy().starts_with("socket:"));
    (targets.len(), sockets.count())
}

fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages = text.split(' ').nth(1).unwrap().parse::<u64>().unwrap();
    pages * 4096
}

#[test]
#[ignore = "the process of the soak that promotes; reads arguments from standard input"]
fn child() {
    // As deep a stack as the thread of a command has.
    let work = thread::Builder::new().stack_size(16 << 20).spawn(serve);
    work.unwrap().join().unwrap();
}

#[expect(clippy::print_stdout, reason = "the driver reads it")]
fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // The runtime has sockets of its own, for signals.
    let own = descriptors().1;
    let temporary = variable("TMPDIR").unwrap();
    for line in std::io::stdin().lines() {
        let arguments: Vec<String> = serde_json::from_str(&line.unwrap()).unwrap();
        let (code, said) = match runtime.block_on(promote(arguments)) {
            Ok(()) => (0, String::new()),
            Err(failure) => (failure.kind().exit_code(), failure.to_string()),
        };
        // Connections of clients that are gone close in the background.
        for _ in 0..100 {
            if descriptors().1 <= own {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let (all, sockets) = descriptors();
        let left = fs::read_dir(&temporary).unwrap().count();
        let state = json!({
            "code": code, "said": said, "descriptors": all, "files": left,
            "sockets": sockets.saturating_sub(own),
            "resident": resident(), "heap": budget::in_use(),
        });
        println!("soak {state}");
    }
}

struct Promoter {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Promoter {
    fn start(home: &Path, temporary: &Path) -> Self {
        let mut process = Process::new("/proc/self/exe")
            .args(["cli::soak::child", "--exact", "--ignored", "--nocapture"])
            .env_clear()
            .env("HOME", home)
            .env("TMPDIR", temporary)
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (
            process.stdin.take().unwrap(),
            process.stdout.take().unwrap(),
        );
        Self {
            process,
            input,
            output: BufReader::new(output),
        }
    }

    fn run(&mut self, arguments: &[String]) -> Value {
        writeln!(self.input, "{}", json!(arguments)).unwrap();
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended");
            if let Some((_, state)) = line.split_once("soak {") {
                return serde_json::from_str(&format!("{{{state}")).unwrap();
            }
        }
    }
}

impl Drop for Promoter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Random numbers that a seed repeats (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn up_to(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64 + 1)).unwrap()
    }

    /// A few faults of the registry, each of one or two requests somewhere in the run.
    fn faults(&mut self) -> Vec<Fault> {
        let many = self.up_to(5);
        (0..many)
            .map(|_| {
                let effect = match self.below(11) {
                    0 => Effect::Reset,
                    1 => Effect::ResetAfter,
                    2 => Effect::Status(500),
                    3 => Effect::Status(503),
                    4 => Effect::Status(429),
                    5 => Effect::RetryAfter(429, self.below(2)),
                    6 => Effect::RetryAfter(503, 0),
                    7 => Effect::CutAnswer(self.below(300)),
                    8 => Effect::CutUpload(self.below(50)),
                    9 => Effect::Drip(Duration::from_millis(20)),
                    _ => Effect::Page(502),
                };
                let fault = Fault::new(effect).after(self.up_to(60));
                // Some outages outlast all retries.
                let times = if self.below(25) == 0 {
                    12
                } else {
                    1 + self.up_to(1)
                };
                fault.times(times)
            })
            .collect()
    }
}

/// A proxy before the Git server that breaks connections at random.
struct FlakyProxy {
    address: String,
    is_bad: Arc<AtomicBool>,
}

impl FlakyProxy {
    fn to(server: String, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let is_bad = Arc::new(AtomicBool::new(false));
        let bad = Arc::clone(&is_bad);
        thread::spawn(move || {
            let mut chance = Chance(seed);
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(&server)) else {
                    continue;
                };
                let fault = if bad.load(Ordering::Relaxed) {
                    chance.below(6)
                } else {
                    9
                };
                let limit = chance.below(4000);
                if fault == 0 {
                    continue;
                }
                let (up, down) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || pass(up, far, u64::MAX, Duration::ZERO));
                thread::spawn(move || match fault {
                    1 => pass(down, near, limit, Duration::ZERO),
                    2 => pass(down, near, u64::MAX, Duration::from_millis(5)),
                    _ => pass(down, near, u64::MAX, Duration::ZERO),
                });
            }
        });
        Self { address, is_bad }
    }
}

/// Passes on this many bytes, with a pause before each piece, then breaks the connection.
fn pass(mut from: TcpStream, mut to: TcpStream, limit: u64, pause: Duration) {
    use std::io::Read as _;
    let mut left = limit;
    let mut buffer = [0; 1024];
    while let Ok(got @ 1..) = from.read(&mut buffer) {
        thread::sleep(pause);
        let got = got.min(usize::try_from(left).unwrap_or(usize::MAX));
        left -= got as u64;
        if to.write_all(buffer.get(..got).unwrap()).is_err() || left == 0 {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// The host and port of the Git server.
fn host(universe: &Universe) -> String {
    universe.git.address().replace("http://", "")
}

/// The servers, and what was promoted so far.
struct Scene {
    universe: Universe,
    wire: FlakyProxy,
    out: PathBuf,
}

impl Scene {
    /// Builds, signs and attests the image of a round; a bad one lacks what the gate requires.
    fn build(&self, round: usize, is_bad: bool) -> Image {
        let (universe, tag) = (&self.universe, format!("v2.{round}"));
        let source = universe.source().unwrap();
        let text = format!("int main(void) {{ return {round}; }}\n");
        let commit = source
            .commit(
                "main",
                &format!("web: return {round}"),
                &[("main.c", &text)],
            )
            .unwrap();
        source.annotated_tag(&tag, &commit).unwrap();
        let registry = &universe.registry;
        let image = signer::push_image(registry, STAGING, &tag, &tag, 3).unwrap();
        let stranger = Key::generate().unwrap();
        let (mut signer, mut attester) = (&universe.key, &universe.key);
        let mut statements = universe.statements(&image, &commit);
        match (is_bad, round % 3) {
            (true, 0) => signer = &stranger,
            (true, 1) => attester = &stranger,
            (true, _) => statements = universe.statements(&image, &"0".repeat(40)),
            (false, _) => {}
        }
        signer::sign(registry, &image, signer).unwrap();
        signer::attest(registry, &image, attester, &statements).unwrap();
        image
    }

    fn arguments(&self, round: usize) -> Vec<String> {
        let universe = &self.universe;
        let far = |url: String| url.replace(&host(universe), &self.wire.address);
        // The policy and the GitOps repository are behind the wire; the source is named as the
        // provenance names it.
        let gitops = format!("{}.git", universe.gitops_url());
        vec![
            "promote".to_owned(),
            "run".to_owned(),
            format!("--tag=v2.{round}"),
            format!("--image={COMPONENT}={}", universe.staging()),
            format!("--git-url={}", universe.source_url()),
            format!("--policy={}", far(universe.policy_url())),
            format!("--public-key={}", universe.public_key().display()),
            "--ignore-rekor".to_owned(),
            format!("--to={}", universe.production()),
            format!("--gitops-repo-url={}", far(gitops)),
            format!("--git-credentials-dir={}", universe.credentials().display()),
            format!("--out={}", self.out.display()),
        ]
    }

    fn commits(&self) -> usize {
        let gitops = self.universe.gitops().unwrap();
        let count = gitops.git(&["rev-list", "--count", "main"], None).unwrap();
        count.trim().parse().unwrap()
    }

    /// Lets the network fail until the end of a run.
    fn trouble(&self, chance: &mut Chance) {
        for fault in chance.faults() {
            self.universe.registry.fail(fault);
        }
        self.wire
            .is_bad
            .store(chance.below(3) == 0, Ordering::Relaxed);
        if chance.below(8) == 0 {
            self.universe.git.lie_about_next_push(502);
        }
    }

    fn heal(&self) {
        self.universe.registry.heal();
        self.wire.is_bad.store(false, Ordering::Relaxed);
    }

    /// Checks what a run did, against what it had to do.
    fn check(&self, round: usize, image: &Image, code: i64, is_bad: bool, before: usize) {
        let tag = format!("{}:prod-v2.{round}", lab::universe::PRODUCTION);
        let found = self.universe.registry.tags().get(&tag).cloned();
        let deployed = self.universe.deployed().unwrap();
        let commits = self.commits();
        if is_bad {
            assert!(matches!(code, 4 | 5), "round {round}: code {code}");
            assert_eq!((found, commits), (None, before), "round {round}");
            assert!(!deployed.contains(&image.digest));
        } else if code == 0 {
            assert_eq!(found.as_deref(), Some(image.digest.as_str()));
            assert!(
                deployed.contains(&image.digest),
                "round {round}: {deployed}"
            );
            assert_eq!(commits, before + 1, "round {round}");
        } else {
            assert_eq!(code, 5, "round {round}");
            // The commit may be there although its answer was lost, but never twice.
            assert!(commits <= before + 1, "round {round}");
        }
    }
}

#[test]
#[ignore = "takes minutes: benches/soak/run"]
#[expect(clippy::print_stdout, reason = "a run by hand prints its figures")]
fn promotions_in_a_row_while_the_network_fails() {
    let rounds = variable("SOAK_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let seed = variable("SOAK_SEED").map_or(1, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (home, temporary, out) = (at("home"), at("temporary"), at("out"));
    let universe = Universe::new().unwrap();
    let wire = FlakyProxy::to(host(&universe), seed);
    let scene = Scene {
        universe,
        wire,
        out,
    };
    let mut promoter = Promoter::start(&home, &temporary);
    let mut chance = Chance(seed);
    let (mut again, mut refused, mut states) = (0, 0, Vec::new());
    for round in 0..rounds {
        let is_bad = round % 5 == 4;
        let image = scene.build(round, is_bad);
        let (arguments, before) = (scene.arguments(round), scene.commits());
        scene.universe.registry.forget_requests();
        scene.trouble(&mut chance);
        let mut state = promoter.run(&arguments);
        let code = |state: &Value| state["code"].as_i64().unwrap();
        if !matches!(code(&state), 0 | 4) {
            println!("round {round}: {} {}", code(&state), state["said"]);
        }
        scene.check(round, &image, code(&state), is_bad, before);
        scene.heal();
        if code(&state) == 5 {
            again += 1;
            state = promoter.run(&arguments);
            assert_ne!(code(&state), 5, "round {round}: {}", state["said"]);
            scene.check(round, &image, code(&state), is_bad, before);
        }
        refused += usize::from(is_bad);
        assert_eq!(state["files"], 0, "round {round}: temporary files stay");
        assert_eq!(state["sockets"], 0, "round {round}: sockets stay");
        states.push(state);
    }
    println!(
        "{rounds} promotions, seed {seed}: {refused} refused as they had to be, {again} ended by \
         code 5 and went through when run again"
    );
    check_figures(&states);
}

/// Prints the figures of the first, a warm and the last state, and refuses growth between the last two.
#[expect(clippy::print_stdout, reason = "a run by hand prints its figures")]
fn check_figures(states: &[Value]) {
    let of = |at: usize, name: &str| {
        states
            .get(at)
            .map_or(0, |state| state[name].as_i64().unwrap())
    };
    let last = states.len() - 1;
    let warm = WARM.min(last);
    println!("| after | heap kB | resident MiB | descriptors | sockets | temporary files |");
    println!("|---|---|---|---|---|---|");
    for at in [0, warm, last] {
        let (heap, resident) = (of(at, "heap") / 1000, of(at, "resident") >> 20);
        let (all, sockets) = (of(at, "descriptors"), of(at, "sockets"));
        println!(
            "| {} | {heap} | {resident} | {all} | {sockets} | {} |",
            at + 1,
            of(at, "files")
        );
    }
    assert!(
        of(last, "heap") - of(warm, "heap") < GROWTH,
        "the heap grows"
    );
    assert_eq!(of(last, "descriptors"), of(warm, "descriptors"));
}
