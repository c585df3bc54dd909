//! An image of a busy repository: the registry lists 5,000 artifacts that refer to it.

use lab::{
    registry::{Effect, Fault},
    signer,
    universe::Universe,
};
use serde_json::{Value, json};

use crate::harness::{LABEL_RULE, Run, Scene, Workdir};

/// As many as an honest image has.
const HONEST: usize = 5_000;
/// More than are read.
const TOO_MANY: usize = 6_001;
/// How many of them differ; each entry of the list is opened all the same.
const DISTINCT: usize = 20;
const REPORT: &str = "application/vnd.example.report";

struct ManyReferrers {
    universe: Universe,
    dir: Workdir,
    entries: Vec<Value>,
}

impl ManyReferrers {
    fn new() -> Self {
        let Scene { universe, dir } = Scene::attested().file("rules/a.rego", LABEL_RULE);
        let entries = (0..DISTINCT).map(|number| {
            let (registry, image) = (&universe.registry, &universe.image);
            let report = format!("{{\"report\": {number}}}");
            let artifact = signer::push_referrer(registry, image, REPORT, report.as_bytes());
            let mut entry = artifact.unwrap().descriptor();
            entry["artifactType"] = REPORT.into();
            entry
        });
        let entries = entries.collect();
        Self {
            universe,
            dir,
            entries,
        }
    }

    /// Judges the image while the registry lists so many referrers.
    fn judge(&self, count: usize) -> Run {
        let (registry, digest) = (&self.universe.registry, &self.universe.image.digest);
        let entries: Vec<_> = self.entries.iter().cycle().take(count).collect();
        let list = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        registry.heal();
        let fault = Fault::new(Effect::Body(list.into_bytes()));
        registry.fail(fault.of_reads(format!("referrers/{digest}")));
        let image = format!("{}@{digest}", self.universe.staging());
        self.dir.promote(&[
            "--memory=1Gi",
            "verify-ec",
            "--image",
            &image,
            "--policy=rules",
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ])
    }
}

#[test]
fn an_image_with_five_thousand_referrers_is_judged_and_more_are_refused() {
    let scene = ManyReferrers::new();
    scene.judge(HONEST).exits(0);
    scene.judge(TOO_MANY).exits(4).says("referrers");
}
