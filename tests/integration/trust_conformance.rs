//! The cases of the official Sigstore client conformance suite through `trust verify-bundle`:
//! each folder by path and by digest. Runs when the suite is there, and says so.

#![expect(clippy::unwrap_used, reason = "a test shows what went wrong and ends")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{docs::root, harness::Workdir};

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The suite's checkout: `SIGSTORE_CONFORMANCE`, else beside ours.
#[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
fn suite() -> Option<PathBuf> {
    let named = std::env::var_os("SIGSTORE_CONFORMANCE").map(PathBuf::from);
    let beside = ["../shared/peers", "../../shared/peers"];
    let beside = beside.map(|dir| root().join(dir).join("sigstore-conformance"));
    let assets = |dir: PathBuf| dir.join("test/assets/bundle-verify");
    let mut found = named.into_iter().chain(beside).map(assets);
    found.find(|dir| dir.is_dir())
}

#[expect(
    clippy::print_stdout,
    reason = "the count is part of what the test proves"
)]
#[test]
fn passes_every_case_of_the_conformance_suite() {
    let Some(assets) = suite() else {
        println!("skipped: no sigstore-conformance checkout (SIGSTORE_CONFORMANCE)");
        return;
    };
    let (mut passed, mut wrong) = (0, Vec::new());
    let mut cases: Vec<_> = fs::read_dir(&assets)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    for case in &cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        for by_digest in [false, true] {
            let run = verify(&assets, case, by_digest);
            if (run.code == 0) != name.ends_with("_fail") && [0, 2, 4].contains(&run.code) {
                passed += 1;
            } else {
                wrong.push(format!(
                    "{name} (digest: {by_digest}): {} {}",
                    run.code, run.stderr
                ));
            }
        }
    }
    println!("conformance: {passed}/{} passed", 2 * cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        cases.len() >= 70,
        "the suite has only {} cases",
        cases.len()
    );
}

fn verify(assets: &Path, case: &Path, by_digest: bool) -> crate::harness::Run {
    let file = |name: &str| Some(case.join(name)).filter(|path| path.exists());
    let text = |name: &str, default: &str| {
        let found = file(name).map(|path| fs::read_to_string(path).unwrap());
        found.map_or(default.to_owned(), |text| text.trim().to_owned())
    };
    let artifact = file("artifact").unwrap_or_else(|| assets.join("a.txt"));
    let artifact = if by_digest {
        format!(
            "sha256:{}",
            hex::encode(Sha256::digest(fs::read(artifact).unwrap()))
        )
    } else {
        artifact.display().to_string()
    };
    let bundle = case.join("bundle.sigstore.json").display().to_string();
    let mut arguments = vec!["trust", "verify-bundle", "--bundle", &bundle];
    let (key, trusted_root) = (file("key.pub"), file("trusted_root.json"));
    let key = key.map(|path| path.display().to_string());
    let (identity, issuer) = (text("identity", IDENTITY), text("issuer", ISSUER));
    match &key {
        Some(key) => arguments.extend(["--key", key]),
        None => arguments.extend([
            "--certificate-identity",
            &identity,
            "--certificate-oidc-issuer",
            &issuer,
        ]),
    }
    let trusted_root = trusted_root.map(|path| path.display().to_string());
    arguments.extend(
        trusted_root
            .iter()
            .flat_map(|path| ["--trusted-root", path]),
    );
    arguments.push(&artifact);
    Workdir::new().promote(&arguments)
}
