//! The record of a run into several environments, and of one that runs again.

use lab::universe::{COMPONENT, PATCH, Universe};
use serde_json::Value;

use super::{VERIFIER, fixture, writes};
use crate::{
    chain,
    harness::{Run, Workdir},
};

const EVIDENCE: &str = "application/vnd.promote.evidence.v1+json";
const STAGE: &str = "components/web/overlays/stage/deployment-patch.yaml";

/// A company whose GitOps repository has these environments besides production.
struct Company {
    universe: Universe,
    dir: Workdir,
    flags: Vec<String>,
}

impl Company {
    fn new(environments: &[&str]) -> Self {
        let universe = Universe::new().unwrap();
        universe.sign_and_attest().unwrap();
        let dir = Workdir::new();
        let gitops = universe.gitops().unwrap();
        let patch = gitops.read("main", PATCH).unwrap();
        gitops
            .commit("main", "add stage", &[(STAGE, patch.as_str())])
            .unwrap();
        let trust = format!(
            "verifiers:\n- {{id: {VERIFIER}, publicKey: {}, environments: [stage, prod]}}\n",
            fixture("p256.pub").display()
        );
        let trust = dir.write("trust.yaml", trust);
        let mut flags = vec![
            "--results-dir=results".to_owned(),
            format!("--set=attest.signing-key={}", fixture("p256.pem").display()),
            format!("--set=attest.verifier-id={VERIFIER}"),
            // The edit of each environment demands the promotion to it.
            format!(
                "--set=update-deployment.require-attestation={}",
                trust.display()
            ),
        ];
        let named = environments.iter();
        flags.extend(named.map(|name| format!("--set=update-deployment.environment={name}")));
        Self {
            universe,
            dir,
            flags,
        }
    }

    fn run(&self) -> Run {
        let flags: Vec<_> = self.flags.iter().map(String::as_str).collect();
        chain::run(&self.universe, &self.dir, &flags)
    }

    /// The evidence bundles that the last commit names, with their environments.
    fn named(&self) -> Vec<(String, String)> {
        let gitops = self.universe.gitops().unwrap();
        let message = gitops
            .git(&["log", "-1", "--format=%B", "main"], None)
            .unwrap();
        let prefix = format!("Evidence: {COMPONENT} ");
        let digests = message
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix));
        let named = digests.map(|digest| (self.environment(digest), digest.to_owned()));
        named.collect()
    }

    /// The environment in an evidence bundle, which must be there, be about the image and hold the files of the run.
    fn environment(&self, digest: &str) -> String {
        let registry = &self.universe.registry;
        let manifest = registry.manifest("acme/web", digest).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["artifactType"], EVIDENCE);
        assert_eq!(
            manifest["subject"]["digest"],
            self.universe.image.digest.as_str()
        );
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let document = registry.blob("acme/web", layer).unwrap();
        let document: Value = serde_json::from_slice(&document).unwrap();
        let files = document["files"].as_array().unwrap();
        for name in [
            "images.json",
            "verified.json",
            "promoted.json",
            "report.json",
        ] {
            let file = files.iter().find(|file| file["name"] == name).unwrap();
            assert_eq!(file["content"], self.dir.read(name), "{name}");
        }
        document["environment"].as_str().unwrap().to_owned()
    }

    /// Puts the file of an environment back to what was deployed before.
    fn revert(&self, path: &str) {
        let gitops = self.universe.gitops().unwrap();
        let first = gitops
            .git(&["rev-list", "--max-parents=0", "main"], None)
            .unwrap();
        let before = gitops
            .git(&["show", &format!("{}:{PATCH}", first.trim())], None)
            .unwrap();
        gitops
            .commit(
                "main",
                "back to the former image",
                &[(path, before.as_str())],
            )
            .unwrap();
    }
}

#[test]
fn each_environment_of_a_run_has_its_record() {
    let company = Company::new(&["stage", "prod"]);
    company.run().exits(0);
    let mut named = company.named();
    named.sort();
    let environments: Vec<_> = named.iter().map(|(of, _)| of.as_str()).collect();
    assert_eq!(environments, ["prod", "stage"]);
    let result = company.dir.read("results/EVIDENCE_DIGEST");
    for (_, digest) in &named {
        assert!(
            result.contains(&format!("{COMPONENT}={digest}")),
            "{result}"
        );
    }
    // Again: nothing is left to do.
    company.universe.registry.forget_requests();
    company.run().exits(0).says("nothing is attested again");
    assert_eq!(writes(&company.universe.registry), [""; 0]);
    // One environment is put back: the record of that one is written again.
    company.revert(STAGE);
    company.run().exits(0);
    let named = company.named();
    assert_eq!(named.len(), 1, "{named:?}");
    assert_eq!(named[0].0, "stage");
    let gitops = company.universe.gitops().unwrap();
    for path in [PATCH, STAGE] {
        assert!(
            gitops.read("main", path).unwrap().contains("prod-v1.0"),
            "{path}"
        );
    }
}

#[test]
fn a_rerun_that_commits_writes_the_bundle_that_its_trailers_name() {
    let company = Company::new(&["prod"]);
    company.run().exits(0);
    let first = company.named();
    assert_eq!(first.len(), 1);
    company.revert(PATCH);
    company.universe.registry.forget_requests();
    company.run().exits(0);
    let second = company.named();
    assert_eq!(second.len(), 1);
    // Its promoted.json says that the tag named the image already: it is another bundle, and it is there.
    assert_ne!(first, second);
    assert!(!writes(&company.universe.registry).is_empty());
    let image = format!("{}:prod-v1.0", company.universe.production());
    let url = format!("--gitops-repo-url={}", company.universe.gitops_url());
    let credentials = format!(
        "--git-credentials-dir={}",
        company.universe.credentials().display()
    );
    company
        .dir
        .promote(&["why", &image, &url, &credentials])
        .exits(0)
        .prints("deployed by commit");
}

#[test]
fn attest_takes_several_environments() {
    let scene = super::PromotedImage::new();
    scene
        .sign(&[
            "--environment=stage",
            "--environment=prod",
            "--results-dir=results",
            "--out=copies",
        ])
        .exits(0);
    let repository = scene.universe.gitops().unwrap();
    let patch = repository.read("main", PATCH).unwrap();
    repository
        .commit("main", "add stage", &[(STAGE, patch.as_str())])
        .unwrap();
    for environment in ["stage", "prod"] {
        let trust = scene.trust(environment);
        let gitops = format!("--gitops-repo-url={}", scene.universe.gitops_url());
        let credentials = format!(
            "--git-credentials-dir={}",
            scene.universe.credentials().display()
        );
        let environment = format!("--environment={environment}");
        let evidence = format!("--evidence={}", scene.dir.read("results/EVIDENCE_DIGEST"));
        let run = scene.dir.promote(&[
            "update-deployment",
            &gitops,
            &credentials,
            "--dry-run",
            "--adopt",
            &environment,
            &trust,
            &evidence,
        ]);
        run.exits(0);
    }
    let copies = std::fs::read_dir(scene.dir.path("copies")).unwrap();
    let promotions = copies
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".promotion.json"));
    assert_eq!(promotions.count(), 2);
    scene.production.forget_requests();
    scene
        .sign(&[
            "--environment=prod",
            "--environment=stage",
            "--environment=prod",
        ])
        .exits(0);
    assert_eq!(scene.writes(), [""; 0]);
}
