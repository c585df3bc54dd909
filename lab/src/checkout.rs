//! Files of the checkout, embedded when the lab is built: a lab that was installed needs no checkout.

macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../", $path)))),+]
    };
}

/// The starter policy: the path of each file from the root of the checkout, and its text.
pub(crate) const POLICIES: &[(&str, &str)] = embedded![
    "policies/README.md",
    "policies/release/attested.rego",
    "policies/release/cve.rego",
    "policies/release/image_signature.rego",
    "policies/release/provenance.rego",
    "policies/release/release_test.rego",
    "policies/release/sbom.rego",
    "policies/release/source.rego",
];

/// Recorded events of Git hosts, as [`POLICIES`].
pub(crate) const EVENTS: &[(&str, &str)] = embedded![
    "tests/fixtures/events/bitbucket-push.json",
    "tests/fixtures/events/gitea-push.json",
    "tests/fixtures/events/github-push.json",
    "tests/fixtures/events/gitlab-tag-push.json",
];

/// The PipelineRun of Pipelines-as-Code, with places in capitals to fill in.
pub(crate) const PIPELINE_RUN: &str =
    include_str!("../../pipelines/promote-to-prod/pac/on-tag.yaml");

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Returns the paths of the files below a directory, from the root of the checkout.
    fn files(dir: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(root.join(dir)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{dir}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                found.extend(files(&path));
            } else {
                found.insert(path);
            }
        }
        found
    }

    #[test]
    fn every_file_of_the_starter_policy_is_embedded() {
        let embedded: BTreeSet<_> = POLICIES
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .collect();
        assert_eq!(embedded, files("policies"));
    }

    #[test]
    fn the_embedded_events_are_those_of_pushes() {
        let embedded: BTreeSet<_> = EVENTS.iter().map(|(path, _)| (*path).to_owned()).collect();
        let mut recorded = files("tests/fixtures/events");
        recorded.retain(|path| path.ends_with("-push.json"));
        assert_eq!(embedded, recorded);
    }
}
