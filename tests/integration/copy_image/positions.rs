//! For every single request of a copy: what if that is the one that goes wrong?

use std::{
    process::{Child, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use lab::{
    registry::{Effect, Fault, Server},
    signer::{self, Image},
};

use super::{assert_same, assert_tags_last, family, start};
use crate::harness::{Run, Workdir};

/// A source with an image of every kind of attachment, and an empty destination.
struct RegistryPair {
    from: Server,
    to: Server,
    index: Image,
    digests: Vec<String>,
    signature: String,
}

impl RegistryPair {
    fn new() -> Self {
        let (from, to) = (start(), start());
        let (index, digests) = family(&from);
        signer::sign(&from, &index, &signer::Key::generate().unwrap()).unwrap();
        let signature = index.attached_tag("sig");
        Self {
            from,
            to,
            index,
            digests,
            signature,
        }
    }

    fn arguments(&self) -> [String; 4] {
        [
            "copy-image".to_owned(),
            format!("{}/staging/app:v1", self.from.address()),
            format!("{}/prod/app:v1", self.to.address()),
            "--unverified".to_owned(),
        ]
    }

    fn copy(&self) -> Run {
        let arguments = self.arguments();
        Workdir::new().promote(&arguments.each_ref().map(String::as_str))
    }

    fn assert_whole(&self) {
        assert_same(&self.from, &self.to, "prod/app", &self.digests);
        assert_eq!(self.to.tags()["prod/app:v1"], self.index.digest);
        let signature = self.to.manifest("prod/app", &self.signature);
        assert!(signature.is_some());
        assert_eq!(
            signature,
            self.from.manifest("staging/app", &self.signature)
        );
    }

    fn side(&self, side: Side) -> &Server {
        match side {
            Side::From => &self.from,
            Side::To => &self.to,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    From,
    To,
}

/// Every request of a copy, by the server and the place in that server's log. Which request
/// is there differs a little from run to run, as several are under way at once.
fn positions() -> Vec<(Side, usize)> {
    let world = RegistryPair::new();
    world.copy().exits(0);
    world.assert_whole();
    let of = |side: Side| (0..world.side(side).requests().len()).map(move |at| (side, at));
    let all: Vec<_> = of(Side::From).chain(of(Side::To)).collect();
    assert!(all.len() > 60, "{} requests only", all.len());
    all
}

/// Does something for each position, a few at a time: most of it is waiting.
fn for_each_position(check: impl Fn(Side, usize) + Sync) {
    let (all, next) = (positions(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((side, at)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(*side, *at);
                }
            });
        }
    });
}

#[test]
fn one_failure_at_any_request_is_repeated() {
    for_each_position(|side, at| {
        // Of each kind one, so that neighbours, which trade places, see all four.
        let (answer, cut) = match at % 2 {
            0 => (Effect::Status(503), Effect::Reset),
            _ => (Effect::RetryAfter(429, 0), Effect::ResetAfter),
        };
        for effect in [answer, cut] {
            let world = RegistryPair::new();
            let fault = Fault::new(effect.clone()).after(at).once();
            world.side(side).fail(fault);
            let run = world.copy();
            assert_eq!(run.code, 0, "{effect:?} at {side:?} {at}:\n{}", run.stderr);
            world.assert_whole();
        }
    });
}

#[test]
fn a_run_that_fails_at_any_request_moves_no_tag_and_a_rerun_completes() {
    let arguments = |world: &RegistryPair| {
        let mut arguments = world.arguments().to_vec();
        arguments.push("--retries=0".to_owned());
        arguments
    };
    for_each_position(|side, at| {
        let world = RegistryPair::new();
        let fault = Fault::new(Effect::Status(503)).after(at);
        world.side(side).fail(fault);
        let arguments = arguments(&world);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let run = Workdir::new().promote(&arguments);
        // Fewer requests than this time last time: nothing struck.
        if run.code != 0 {
            assert_eq!(run.code, 5, "{side:?} {at}: {}", run.stderr);
            assert!(!world.to.tags().contains_key("prod/app:v1"));
        }
        world.side(side).heal();
        world.copy().exits(0);
        world.assert_whole();
    });
}

#[test]
fn a_run_that_is_killed_at_any_request_moves_no_tag_and_a_rerun_completes() {
    for_each_position(|side, at| {
        let world = RegistryPair::new();
        world
            .side(side)
            .fail(Fault::new(Effect::Hang).after(at).once());
        let dir = Workdir::new();
        let mut command = dir.command();
        command
            .args(world.arguments())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        if stuck(&mut child, world.side(side), at) {
            child.kill().unwrap();
            child.wait().unwrap();
            let tags = world.to.tags();
            assert!(!tags.contains_key("prod/app:v1"), "{side:?} {at}: {tags:?}");
        }
        world.side(side).heal();
        world.copy().exits(0);
        world.assert_whole();
        assert_tags_last(&world.to);
    });
}

/// Waits until the request has arrived that is never answered; false when the run ended first.
fn stuck(child: &mut Child, server: &Server, at: usize) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if server.requests().len() > at {
            // What else was under way gets a chance to be done.
            std::thread::sleep(Duration::from_millis(30));
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("request {at} never came");
}
