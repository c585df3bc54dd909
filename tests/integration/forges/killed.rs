//! Updates and change requests that are killed after a request: the rerun ends as if nothing had
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

use lab::forge::{ChangeRequest, Kind};

use super::{FILE, ForgeStandIn, NEW, deployed, patch};

/// Holds the answer to one request.
#[derive(Default)]
struct Stop {
    requests: AtomicUsize,
    at: AtomicUsize,
    is_hit: AtomicBool,
    may_go: AtomicBool,
}

impl Stop {
    fn count(&self) {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.at.load(Ordering::SeqCst) {
            self.is_hit.store(true, Ordering::SeqCst);
            while !self.may_go.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// A scene whose requests are counted.
fn counted(host: (Kind, &'static str)) -> (ForgeStandIn, Arc<Stop>) {
    let (scene, stop) = (ForgeStandIn::new(host), Arc::new(Stop::default()));
    let own = Arc::clone(&stop);
    scene.server.after_each_request(move |_| own.count());
    (scene, stop)
}

/// Kills a run while the answer to the request with the number is on its way.
fn kill_at(scene: &ForgeStandIn, stop: &Stop, flags: &[&str], number: usize) {
    stop.at.store(number, Ordering::SeqCst);
    let mut child = scene
        .dir
        .command()
        .args(scene.arguments(flags))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !stop.is_hit.load(Ordering::SeqCst) {
        assert!(child.try_wait().unwrap().is_none(), "{number}");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stop.may_go.store(true, Ordering::SeqCst);
}

/// Kills a change request after every `step`-th request; returns how many were tried.
fn change_requests(step: usize) -> usize {
    let mut tried = 0;
    for host in Kind::ALL {
        let mut flags = vec!["--change-request", "--label=promotion", "--reviewer=alice"];
        if host.0 != Kind::Bitbucket {
            flags.push("--auto-merge");
        }
        let (scene, stop) = counted(host);
        scene.update(&flags).exits(0);
        let expected = requests_of(&scene);
        let requests = stop.requests.load(Ordering::SeqCst);
        assert!(requests > 5, "{requests}");
        for number in (1..=requests).filter(|number| number % step == 0) {
            let (scene, stop) = counted(host);
            kill_at(&scene, &stop, &flags, number);
            scene.update(&flags).exits(0);
            scene.holds_one_commit();
            assert_eq!(
                requests_of(&scene),
                expected,
                "{} killed after request {number}",
                host.1
            );
            tried += 1;
        }
    }
    tried
}

/// The change requests, without what differs between two scenes.
fn requests_of(scene: &ForgeStandIn) -> Vec<ChangeRequest> {
    let mut found = scene.forge.requests();
    for one in &mut found {
        one.body = one.body.replace(&scene.server.address(), "");
        one.version = 0;
    }
    found
}

/// The same for an update that pushes to the branch itself.
fn updates(step: usize) -> usize {
    let host = (Kind::GitHub, "github");
    let (scene, stop) = counted(host);
    scene.update(&[]).exits(0);
    let requests = stop.requests.load(Ordering::SeqCst);
    let mut tried = 0;
    for number in (1..=requests).filter(|number| number % step == 0) {
        let (scene, stop) = counted(host);
        kill_at(&scene, &stop, &[], number);
        scene.update(&[]).exits(0);
        let count = scene.gitops.git(&["rev-list", "--count", "main"], None);
        assert_eq!(count.unwrap(), "2", "killed after request {number}");
        let file = scene.gitops.read("main", FILE).unwrap();
        assert_eq!(file, patch(&deployed("prod-v1.0", NEW)), "{number}");
        tried += 1;
    }
    tried
}

#[test]
fn a_change_request_that_is_killed_is_finished_by_a_rerun() {
    assert!(change_requests(4) >= 12);
}

#[test]
fn an_update_that_is_killed_is_finished_by_a_rerun() {
    assert!(updates(1) >= 5);
}

/// The whole figure; `cargo test killed -- --ignored --nocapture`.
#[test]
#[ignore = "takes a minute"]
#[expect(clippy::print_stdout, reason = "the figure is the result")]
fn a_change_request_that_is_killed_anywhere_is_finished_by_a_rerun() {
    println!("killed after each of {} requests", change_requests(1));
}
