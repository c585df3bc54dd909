//! Files of the checkout, embedded when the lab is built: a lab that was installed needs no checkout.

/// Returns the name and the text of each file: `DIRECTORY/NAMEENDING`.
macro_rules! embedded {
    ($directory:literal, $ending:literal, [$($name:literal),+ $(,)?]) => {
        &[$(($name, include_str!(concat!("../../", $directory, "/", $name, $ending)))),+]
    };
}

/// The starter policy: the path of each file below `policies`, and its text.
pub(crate) const POLICIES: &[(&str, &str)] = embedded!(
    "policies",
    "",
    [
        "README.md",
        "release/attested.rego",
        "release/cve.rego",
        "release/image_signature.rego",
        "release/provenance.rego",
        "release/release_test.rego",
        "release/sbom.rego",
        "release/source.rego",
    ]
);

/// Recorded pushes of a tag, one for each kind of Git host: the name and the event.
pub(crate) const EVENTS: &[(&str, &str)] = embedded!(
    "tests/fixtures/events",
    ".json",
    [
        "bitbucket-push",
        "gitea-push",
        "github-push",
        "gitlab-tag-push",
    ]
);

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

    /// Returns the embedded names as [`files`] returns them.
    fn embedded(files: &[(&str, &str)], directory: &str, ending: &str) -> BTreeSet<String> {
        let names = files.iter().map(|(name, _)| name);
        names
            .map(|name| format!("{directory}/{name}{ending}"))
            .collect()
    }

    #[test]
    fn every_file_of_the_starter_policy_is_embedded() {
        assert_eq!(embedded(POLICIES, "policies", ""), files("policies"));
    }

    #[test]
    fn the_embedded_events_are_those_of_pushes() {
        let directory = "tests/fixtures/events";
        let mut recorded = files(directory);
        recorded.retain(|path| path.ends_with("-push.json"));
        assert_eq!(embedded(EVENTS, directory, ".json"), recorded);
    }
}
