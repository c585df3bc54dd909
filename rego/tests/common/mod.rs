//! What several judges share: lists of known differences, the functions of Conforma's program, values of YAML.

#![allow(dead_code, reason = "no test uses all of it")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::path::Path;

use rego::Value;
use rego::builtins::{CallContext, Registry};
use rego::signature::{Declaration, Type};

const fn one(name: &'static str) -> Declaration {
    Declaration::new(name, &[Type::Any], Type::Any)
}

const fn two(name: &'static str) -> Declaration {
    Declaration::new(name, &[Type::Any, Type::Any], Type::Any)
}

/// The functions of Conforma's program but those of package URLs.
pub(crate) const EC: [Declaration; 12] = [
    one("ec.oci.blob"),
    two("ec.oci.blob_files"),
    one("ec.oci.descriptor"),
    two("ec.oci.image_files"),
    one("ec.oci.image_index"),
    one("ec.oci.image_manifest"),
    one("ec.oci.image_manifests"),
    one("ec.oci.image_referrers"),
    one("ec.oci.image_tag_refs"),
    one("ec.oci.parsed_blob"),
    two("ec.sigstore.verify_attestation"),
    two("ec.sigstore.verify_image"),
];

/// The functions of package URLs.
pub(crate) const PURL: [Declaration; 2] = [one("ec.purl.is_valid"), one("ec.purl.parse")];

/// Reads a list of known differences in `tests`, one a line: NAME | REASON.
pub(crate) fn known(list: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(list);
    let list = std::fs::read_to_string(path).unwrap();
    let lines = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once(" | ").unwrap());
    pairs
        .map(|(name, reason)| (name.to_owned(), reason.to_owned()))
        .collect()
}

/// Reads YAML as `yaml.unmarshal` does.
pub(crate) fn yaml(registry: &Registry, text: &str) -> Value {
    let function = registry.get("yaml.unmarshal").unwrap();
    function
        .call(&mut CallContext::default(), &[Value::from(text)])
        .unwrap()
}
