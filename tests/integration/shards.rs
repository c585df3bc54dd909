//! `verify-ec --shard` and `--merge`: parts of a list are judged as all of it is, and joined only when they fit.

use serde_json::{Value, json};

use crate::{harness::Run, tenant::Tenant};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A tenant with five signed components in a list.
fn world() -> Tenant {
    let tenant = Tenant::new();
    let components: Vec<_> = NAMES
        .iter()
        .map(|name| tenant.component(name, &tenant.signed(name, "1")))
        .collect();
    list(&tenant, &components);
    tenant
}

fn list(tenant: &Tenant, components: &[Value]) {
    let list = json!({"application": "shop", "components": components});
    tenant.dir.write("data/images.json", list.to_string());
}

/// Judges the parts; returns their digests.
fn parts(tenant: &Tenant, count: usize) -> Vec<String> {
    let part = |index: usize| {
        let shard = format!("--shard={index}/{count}");
        // Rules see the whole list in every part.
        tenant
            .verify(&[&shard, "--extra-rule-data=least=5"])
            .exits(0);
        tenant.result("VERIFIED_DIGEST")
    };
    (1..=count).map(part).collect()
}

fn merge(tenant: &Tenant, digests: &[String]) -> Run {
    let mut all = vec!["verify-ec", "--merge", "--output=json=file:report.json"];
    let digests: Vec<_> = digests.iter().map(String::as_str).collect();
    let own = ["--data-dir=data", "--results-dir=results"];
    all.extend(own);
    if !digests.is_empty() {
        all.push("--");
    }
    all.extend(digests);
    tenant.dir.promote(&all)
}

#[test]
fn joined_parts_are_the_verdict_over_the_whole_list() {
    let tenant = world();
    tenant.verify(&["--extra-rule-data=least=5"]).exits(0);
    let whole: Value = serde_json::from_str(&tenant.dir.read("data/verified.json")).unwrap();
    let report = tenant.result("TEST_OUTPUT");
    let digests = parts(&tenant, 2);
    merge(&tenant, &digests).exits(0);
    let joined: Value = serde_json::from_str(&tenant.dir.read("data/verified.json")).unwrap();
    for member in [
        "components",
        "policy",
        "imagesDigest",
        "key",
        "skippedChecks",
    ] {
        assert_eq!(joined[member], whole[member], "{member}");
    }
    assert!(joined.get("shard").is_none());
    assert_eq!(tenant.result("TEST_OUTPUT"), report);
    // More parts than components, and without digests.
    parts(&tenant, 7);
    merge(&tenant, &[]).exits(2).says("--merge=N");
    tenant
        .dir
        .promote(&["verify-ec", "--merge=7", "--data-dir=data"])
        .exits(0)
        .says("without");
}

#[test]
fn parts_of_a_list_in_a_registry_are_joined_by_its_digest() {
    let tenant = world();
    let list: Value = serde_json::from_str(&tenant.dir.read("data/images.json")).unwrap();
    let given = format!("--snapshot={list}");
    let to = format!("--images-artifact={}/lists/shop", tenant.registry.address());
    tenant.promote(&["gather-images", &given, &to]).exits(0);
    let images = format!("--images={}", tenant.result("IMAGES_TO_VERIFY"));
    let digest = format!("--images-digest={}", tenant.result("IMAGES_DIGEST"));
    for shard in ["--shard=1/2", "--shard=2/2"] {
        tenant
            .verify(&[&images, &digest, shard, "--extra-rule-data=least=5"])
            .exits(0);
    }
    std::fs::remove_file(tenant.dir.path("data/images.json")).unwrap();
    let join = |digest: &str| tenant.promote(&["verify-ec", "--merge=2", &images, digest]);
    join(&digest).exits(0);
    join(&format!("--images-digest=sha256:{}", "0".repeat(64))).exits(4);
}

#[test]
fn a_refused_component_of_one_part_refuses_the_list() {
    let tenant = world();
    let mut components: Vec<_> = NAMES[..4]
        .iter()
        .map(|name| tenant.component(name, &tenant.signed(name, "1")))
        .collect();
    components.push(tenant.component("e", &tenant.image("e", "unsigned")));
    list(&tenant, &components);
    let refused = tenant.verify(&["--shard=1/2"]).exits(4);
    assert!(refused.stderr.contains('e'), "{}", refused.stderr);
    let first = tenant.result("VERIFIED_DIGEST");
    tenant.verify(&["--shard=2/2"]).exits(0);
    let second = tenant.result("VERIFIED_DIGEST");
    merge(&tenant, &[first, second])
        .exits(4)
        .says("1 of 5 images refused");
    tenant
        .promote(&["copy-image", "--tag=x", "--retries=0"])
        .exits(4);
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let tenant = world();
    let digests = parts(&tenant, 2);
    // One part alone is not a verdict for any other step.
    tenant
        .promote(&[
            "copy-image",
            "--verified=file:verified-1-of-2.json",
            "--tag=x",
        ])
        .exits(4)
        .says("shard 1/2");
    merge(&tenant, &[digests[0].clone(), digests[0].clone()]).exits(4);
    merge(&tenant, &[digests[1].clone(), digests[0].clone()]).exits(4);
    merge(&tenant, &digests[..1]).exits(3);
    // Another policy for one part.
    tenant
        .verify(&[
            "--shard=2/2",
            "--extra-rule-data=least=4",
            "--extra-rule-data=other=x",
        ])
        .exits(0);
    let other = tenant.result("VERIFIED_DIGEST");
    merge(&tenant, &[digests[0].clone(), other])
        .exits(4)
        .says("another policy");
    // A component twice, a report that was changed, another list.
    parts(&tenant, 2);
    let name = "data/report-1-of-2.json";
    let report = tenant.dir.read(name);
    tenant.dir.write(
        name,
        report.replace("\"success\":true", "\"success\":false"),
    );
    merge(&tenant, &[]).exits(4).says("was changed");
    tenant.dir.write(name, report);
    merge(&tenant, &[]).exits(0);
    let components: Vec<_> = NAMES[..4]
        .iter()
        .map(|name| tenant.component(name, &tenant.signed(name, "1")))
        .collect();
    list(&tenant, &components);
    merge(&tenant, &[]).exits(4).says("another list");
    for wrong in ["0/2", "3/2", "x", "1/9999"] {
        tenant.verify(&[&format!("--shard={wrong}")]).exits(2);
    }
    tenant.verify(&["--shard=1/2", "--merge"]).exits(2);
}

#[test]
fn two_versions_of_a_component_are_distinguished() {
    let tenant = Tenant::new();
    let version = |version: &str| {
        let mut component = tenant.component("web", &tenant.signed("web", version));
        component["version"] = json!(version);
        component
    };
    let two = [version("v1"), version("v2")];
    tenant.snapshot("snap", &two);
    tenant.cluster.allow_reading();
    let at = tenant.registry.address();
    let entry = |version: &str| {
        json!({"name": "web", "version": version,
            "repositories": [{"url": format!("{at}/released/web"), "tags": [format!("released-{version}")]}]})
    };
    tenant.release(
        "snap",
        &json!({"mapping": {"components": [entry("v1"), entry("v2")]}}),
    );
    tenant.plan(&[]).exits(0);
    tenant.verify(&[]).exits(0);
    tenant.push(&[]).exits(0);
    let tags = tenant.released();
    assert_eq!(tags.len(), 2);
    assert_ne!(tags[0].1, tags[1].1);
    let promoted: Value = serde_json::from_str(&tenant.dir.read("data/promoted.json")).unwrap();
    assert_eq!(promoted["components"][1]["version"], "v2");
    // One version that is refused does not pass by the other's verdict.
    let mut bad = tenant.component("web", &tenant.image("web", "unsigned"));
    bad["version"] = json!("v2");
    list(&tenant, &[two[0].clone(), bad]);
    tenant.verify(&[]).exits(4);
    let verified: Value = serde_json::from_str(&tenant.dir.read("data/verified.json")).unwrap();
    let passed = [
        &verified["components"][0]["success"],
        &verified["components"][1]["success"],
    ];
    assert_eq!(passed, [&json!(true), &json!(false)]);
    // A mapping that does not tell them apart names both.
    tenant.release("snap", &tenant.mapping(&["web"], &["released"]));
    tenant
        .plan(&[])
        .exits(2)
        .says("version v1")
        .says("version v2");
}

/// Runs the program; returns its time in seconds and its peak of memory in MiB.
fn measured(tenant: &Tenant, arguments: &[&str]) -> (f64, u64) {
    let began = std::time::Instant::now();
    let mut command = tenant.dir.command();
    for (name, value) in tenant.cluster.env() {
        command.env(name, value);
    }
    let own = ["--data-dir=data", "--results-dir=results"];
    let mut child = command
        .args([arguments, &own].concat())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    let status = loop {
        let text =
            std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(now.unwrap_or_default() / 1024);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert!(status.success(), "{arguments:?}");
    (began.elapsed().as_secs_f64(), peak)
}

/// A measurement: `cargo test --test integration -- --ignored --nocapture figures_of_many_components`.
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stderr, reason = "a measurement is shown")]
fn figures_of_many_components() {
    for (count, shards) in [(100, 1), (1000, 4)] {
        let tenant = Tenant::new();
        let names: Vec<_> = (0..count).map(|n| format!("part-{n}")).collect();
        let components: Vec<_> = names
            .iter()
            .map(|name| tenant.component(name, &tenant.signed(name, "1")))
            .collect();
        tenant.snapshot("snap", &components);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        tenant.release(
            "snap",
            &tenant.mapping(&names, &["released", "v-{{ incrementer }}"]),
        );
        tenant.cluster.allow_reading();
        tenant.cluster.allow("patch releases/status");
        let step = |name: &str, arguments: &[&str]| {
            tenant.registry.forget_requests();
            let (seconds, peak) = measured(&tenant, arguments);
            let requests = tenant.registry.requests().len();
            eprintln!(
                "{count} components, {name}: {seconds:.1} s, {peak} MiB, {requests} requests, {} writes",
                tenant.writes()
            );
            peak
        };
        let plan = [
            "plan-release",
            "--snapshot=k8s:tenant/snap",
            "--release=k8s:tenant/rel",
            "--release-plan=k8s:plan",
            "--service-account=account",
        ];
        let verify = [
            "verify-ec",
            "--policy=policy",
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ];
        let push = ["copy-image", "--release=file:release.json"];
        let status = [
            "release-status",
            "--patch=k8s:rel",
            "--service-account=account",
        ];
        for round in 1..=2 {
            assert!(step(&format!("plan-release {round}"), &plan) < 256);
            for part in 1..=shards {
                let shard = format!("--shard={part}/{shards}");
                let mut all = verify.to_vec();
                if shards > 1 {
                    all.push(&shard);
                }
                assert!(step(&format!("verify-ec {part}/{shards}"), &all) < 512);
            }
            if shards > 1 {
                assert!(step("verify-ec --merge", &["verify-ec", "--merge"]) < 256);
            }
            assert!(step(&format!("copy-image {round}"), &push) < 256);
            if round == 2 {
                assert_eq!(tenant.writes(), 0);
            }
            assert!(step("release-status", &status) < 256);
        }
        assert_eq!(tenant.released().len(), 2 * count);
    }
}
