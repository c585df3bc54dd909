//! The source's commit, which a stranger may have written, fills values of the GitOps commit and starts no
//! trailer.

use lab::forge::Kind;
use serde_json::Value;

use super::{ForgeStandIn, NEW};

const EVIL: &str = "sha256:6666666666666666666666666666666666666666666666666666666666666666";

fn hostile() -> Vec<String> {
    let lines = format!("Signed-off-by: Mallory <m@example.com>\nImage-Digest: web {EVIL}");
    [
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\u{2028}",
        "\u{85}",
        "\u{b}",
        "\\n",
        "\n---\n\n",
        "\n# ",
    ]
    .iter()
    .map(|begin| format!("fix{begin}{lines}{begin}{lines}\n"))
    .collect()
}

#[test]
fn a_commit_of_the_source_starts_no_trailer() {
    for text in hostile() {
        let scene = ForgeStandIn::new((Kind::GitHub, "github"));
        let mut promoted: Value = serde_json::from_str(&scene.dir.read("promoted.json")).unwrap();
        for member in ["author", "subject", "body", "date"] {
            promoted["source"][member] = text.clone().into();
        }
        scene.dir.write("promoted.json", promoted.to_string());
        scene.update(&[]).exits(0);
        let show = |format: &str| {
            let format = format!("--format={format}");
            scene
                .gitops
                .git(&["log", "-1", &format, "main"], None)
                .unwrap()
        };
        let trailers = show("%(trailers:only,unfold)");
        let names: Vec<_> = trailers
            .lines()
            .filter_map(|line| Some(line.split_once(": ")?.0))
            .collect();
        let digests = trailers
            .lines()
            .filter(|line| line.starts_with("Image-Digest"));
        assert_eq!(
            digests.collect::<Vec<_>>(),
            [format!("Image-Digest: web {NEW}")],
            "{text:?}"
        );
        assert!(!names.contains(&"Signed-off-by"), "{text:?}: {trailers}");
        let body = "Argocd-reference-commit-body: ";
        let body = trailers.lines().find_map(|line| line.strip_prefix(body));
        // Argo CD reads a JSON text, and gets the very text.
        assert_eq!(serde_json::from_str::<String>(body.unwrap()).unwrap(), text);
        // Not in the message either, where another tool may read lines of its own.
        let message = show("%B");
        assert!(
            !message
                .lines()
                .any(|line| line.starts_with("Signed-off-by")),
            "{message}"
        );
    }
    let scene = ForgeStandIn::new((Kind::GitHub, "github"));
    scene.update(&["--signoff"]).exits(0);
    let message = scene
        .gitops
        .git(&["log", "-1", "--format=%B", "main"], None);
    assert!(message.unwrap().contains("\nSigned-off-by: "));
}
