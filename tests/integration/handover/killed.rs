//! A `run` of three components that is killed after a write: the rerun ends as if nothing had
//! happened.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::trio::Trio;
use crate::harness::Workdir;

/// Stops the world at one write.
#[derive(Default)]
struct Stop {
    writes: AtomicUsize,
    at: AtomicUsize,
    hit: AtomicBool,
    go: AtomicBool,
}

impl Stop {
    fn count(&self) {
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.at.load(Ordering::SeqCst) {
            self.hit.store(true, Ordering::SeqCst);
            while !self.go.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn set(&self, at: usize) {
        self.writes.store(0, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
        self.hit.store(false, Ordering::SeqCst);
        self.go.store(false, Ordering::SeqCst);
    }
}

/// Kills a run after the write with the number; returns whether it came so far.
fn kill_at(trio: &Trio, stop: &Stop, dir: &Workdir, number: usize) -> bool {
    stop.set(number);
    let mut child = dir
        .command()
        .args(trio.arguments())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let killed = loop {
        if stop.hit.load(Ordering::SeqCst) {
            child.kill().unwrap();
            break true;
        }
        if child.try_wait().unwrap().is_some() {
            break false;
        }
        thread::sleep(Duration::from_millis(1));
    };
    child.wait().unwrap();
    stop.at.store(0, Ordering::SeqCst);
    stop.go.store(true, Ordering::SeqCst);
    killed
}

/// Kills a run after every `step`-th write and after the last ones; returns how many were tried.
fn killed_everywhere(step: usize) -> usize {
    let (trio, stop) = (Trio::new(), Arc::new(Stop::default()));
    for_each_write(&trio, &stop);
    trio.run(&Workdir::new()).exits(0);
    let writes = stop.writes.load(Ordering::SeqCst);
    assert!(writes > 20, "{writes}");
    let expected = trio.state();
    let mut tried = 0;
    let last = writes.saturating_sub(4);
    for number in (1..=writes).filter(|number| number % step == 0 || *number > last) {
        trio.reset();
        let dir = Workdir::new();
        assert!(kill_at(&trio, &stop, &dir, number), "{number} of {writes}");
        thread::sleep(Duration::from_millis(20));
        trio.run(&dir).exits(0);
        assert_eq!(
            trio.state(),
            expected,
            "killed after write {number} of {writes}"
        );
        tried += 1;
    }
    tried
}

fn for_each_write(trio: &Trio, stop: &Arc<Stop>) {
    let own = Arc::clone(stop);
    trio.universe.registry.after_each_write(move || own.count());
    let own = Arc::clone(stop);
    trio.universe.git.after_each_push(move || own.count());
}

#[test]
fn a_run_that_is_killed_after_a_write_is_finished_by_a_rerun() {
    assert!(killed_everywhere(9) >= 5);
}

/// The whole figure; `cargo test killed -- --ignored --nocapture`.
#[test]
#[ignore = "takes a minute"]
#[expect(clippy::print_stdout, reason = "the figure is the result")]
fn a_run_that_is_killed_after_any_write_is_finished_by_a_rerun() {
    println!("killed after each of {} writes", killed_everywhere(1));
}
