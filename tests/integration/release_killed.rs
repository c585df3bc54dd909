//! A release that is killed after a write: the rerun, which plans again, ends with the same tags and numbers.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::tenant::Tenant;

/// Holds the registry after the write with a number until it is let go.
#[derive(Default)]
struct Hold {
    writes: AtomicUsize,
    at: AtomicUsize,
    /// 1 while a write is held.
    held: AtomicUsize,
}

impl Hold {
    fn count(&self) {
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.at.load(Ordering::SeqCst) {
            self.held.store(1, Ordering::SeqCst);
            while self.at.load(Ordering::SeqCst) != 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Kills the push after the write with the number.
fn kill_at(tenant: &Tenant, hold: &Hold, number: usize) {
    hold.writes.store(0, Ordering::SeqCst);
    hold.held.store(0, Ordering::SeqCst);
    hold.at.store(number, Ordering::SeqCst);
    let mut child = tenant
        .dir
        .command()
        .args([
            "copy-image",
            "--release=file:release.json",
            "--data-dir=data",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while hold.held.load(Ordering::SeqCst) == 0 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before write {number}"
        );
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    hold.at.store(0, Ordering::SeqCst);
    thread::sleep(Duration::from_millis(20));
}

#[test]
fn a_release_that_is_killed_after_a_write_is_finished_by_a_rerun() {
    let tenant = Tenant::new();
    let names = ["web", "api", "db"];
    let components: Vec<_> = names
        .iter()
        .map(|name| tenant.component(name, &tenant.signed(name, "1")))
        .collect();
    tenant.snapshot("snap", &components);
    tenant.release(
        "snap",
        &tenant.mapping(&names, &["released", "n-{{ incrementer }}"]),
    );
    tenant.cluster.allow_reading();
    let release = || {
        tenant.plan(&[]).exits(0);
        tenant.push(&[]).exits(0);
        tenant.released()
    };
    tenant.plan(&[]).exits(0);
    tenant.verify(&[]).exits(0);
    let empty = tenant.registry.save();
    let hold = Arc::new(Hold::default());
    let own = Arc::clone(&hold);
    tenant.registry.after_each_write(move || own.count());
    let expected = release();
    let writes = hold.writes.load(Ordering::SeqCst);
    assert!(writes > 12 && expected.len() == 6, "{writes} {expected:?}");
    let last = writes - 5;
    for number in (1..=writes).filter(|number| number % 4 == 0 || *number > last) {
        tenant.registry.restore(empty.clone());
        tenant.plan(&[]).exits(0);
        kill_at(&tenant, &hold, number);
        assert_eq!(
            release(),
            expected,
            "killed after write {number} of {writes}"
        );
    }
    tenant.registry.forget_requests();
    assert_eq!((release(), tenant.writes()), (expected, 0));
}
