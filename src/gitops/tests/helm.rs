//! Edits of Helm values.

use super::*;

/// Edits values and compares them with the same file after the replacements.
#[track_caller]
fn values(file: &str, key: &str, replacements: &[(&str, &str)]) {
    let (after, _) = edited(file, &path(key)).unwrap();
    let expected = replacements
        .iter()
        .fold(file.to_owned(), |text, (old, new)| text.replace(old, new));
    assert_ne!(expected, file);
    assert_eq!(after, expected);
}

#[test]
fn edits_helm_values_in_every_form() {
    let both = format!("prod-v1.0@{DIGEST}");
    values(
        "web:\n  image: quay.io/acme/web:v0 # here\n",
        "web.image",
        &[("quay.io/acme/web:v0", NEW)],
    );
    values(
        r"image:
  registry: old.io
  repository: acme/web
  tag: v0
  pullPolicy: Always
",
        "image",
        &[("old.io", "quay.io"), ("v0", &both)],
    );
    values(
        r#"image:
  registry: ""
  repository: quay.io/acme/web
  version: v0
  digest: ""
"#,
        "image",
        &[
            ("version: v0", "version: prod-v1.0"),
            ("digest: \"\"", &format!("digest: \"{DIGEST}\"")),
        ],
    );
    values(
        "image: {repository: quay.io/acme/web, tag: v0}\n",
        "image.tag",
        &[("v0", &both)],
    );
    values(
        "image: quay.io/acme/web\nimageTag: v0\n",
        "image",
        &[("v0", &both)],
    );
    values(
        r"helm:
  parameters:
  - name: image.tag
    value: v0
",
        "helm.parameters[name=image.tag].value",
        &[("v0", &both)],
    );
    values(
        "kustomize:\n  images:\n  - web=quay.io/acme/web:v0\n",
        "kustomize.images[0]",
        &[("web=quay.io/acme/web:v0", &format!("web={NEW}"))],
    );
}

#[test]
fn edits_digest_keys_of_helm_values_and_refuses_unknown_ones() {
    let hex = &DIGEST["sha256:".len()..];
    let zeros = "0".repeat(64);
    let prometheus = format!(
        r"image:
  registry: quay.io
  repository: acme/web
  tag: v0
  sha: {zeros}
"
    );
    values(&prometheus, "image", &[("v0", "prod-v1.0"), (&zeros, hex)]);
    values(
        &prometheus.replace(&zeros, "\"\""),
        "image",
        &[("v0", "prod-v1.0"), ("\"\"", &format!("\"{hex}\""))],
    );
    let nginx = format!(
        r"image:
  registry: quay.io
  image: acme/web
  tag: v0
  digest: sha256:{zeros}
"
    );
    values(&nginx, "image", &[("v0", "prod-v1.0"), (&zeros, hex)]);
    for (file, key) in [
        ("image: {tag: v0}\n", "image"),
        (
            "image: {repository: quay.io/other/thing, tag: v0}\n",
            "image",
        ),
        (
            &format!("image: {{repository: quay.io/acme/web, tag: v0, hash: {zeros}}}\n"),
            "image",
        ),
    ] {
        refused(file, &path(key));
    }
}
