//! Tests of the hand-over files: digests, versions, names and contradictions.

use serde_json::{Value, json};

use super::*;

const ONE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

fn component(name: &str, digest: &str, success: bool) -> Value {
    json!({
        "name": name, "containerImage": format!("r.example/{name}@{digest}"), "success": success,
        "violations": u8::from(!success), "warnings": 0, "exceptions": [],
    })
}

fn verified(components: &[Value]) -> Value {
    json!({
        "version": 1, "imagesDigest": ONE, "gitTag": "v1", "commit": null, "destinationTag": null,
        "verifiedAt": "2026-01-02T03:04:05Z", "effectiveTime": "2026-01-02T03:04:05Z",
        "policy": {"sources": [], "digest": ONE}, "reportDigest": ONE, "skippedChecks": [],
        "components": components,
    })
}

fn verdict(document: &Value) -> Result<VerifiedFile, Error> {
    VerifiedFile::parse(document.to_string().as_bytes(), "verified.json", None)
}

#[test]
fn accepts_exactly_what_passed() {
    let document = verified(&[component("web", ONE, true), component("api", TWO, false)]);
    let verdict = verdict(&document).unwrap();
    let digest = |text: &str| text.parse().unwrap();
    let image = |name: &str| {
        let mut all = verdict.verified().components.iter();
        verdict.image(all.find(|one| one.name == name).unwrap())
    };
    assert_eq!(image("web").unwrap().digest, digest(ONE));
    assert!(verdict.accepted(digest(ONE)).is_ok());
    assert!(matches!(image("api"), Err(Error::Refused { .. })));
    let refused = verdict.accepted(digest(TWO));
    assert!(matches!(refused, Err(Error::Refused { .. })));
    let other = verdict.accepted(digest(&ONE.replace('1', "3")));
    assert!(matches!(other, Err(Error::NotListed { .. })));
}

#[test]
fn components_differ_by_name_and_version() {
    let of = |version: Value, digest: &str| {
        let mut one = component("web", digest, true);
        one["version"] = version;
        one
    };
    let two = verified(&[of("v1".into(), ONE), of("v2".into(), TWO)]);
    let both = verdict(&two).unwrap();
    assert!(both.accepted(TWO.parse().unwrap()).is_ok());
    for bad in [Value::Null, "v2".into(), "v2\nx: y".into(), 2.into()] {
        let same = verified(&[of(bad.clone(), ONE), of(bad.clone(), TWO)]);
        assert!(verdict(&same).is_err(), "{bad}");
    }
}

#[test]
fn refuses_a_file_that_contradicts_itself() {
    let twice = verified(&[component("web", ONE, true), component("web", TWO, false)]);
    let error = verdict(&twice).unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error}");
    let mut passed = component("web", ONE, true);
    passed["violations"] = Value::from(1);
    let error = verdict(&verified(&[passed])).unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error}");
}

#[test]
fn refuses_lists_where_objects_are_due() {
    let good = verified(&[component("web", ONE, true)]);
    assert!(verdict(&good).is_ok());
    let as_list = |value: &Value| match value {
        Value::Object(members) => Value::Array(members.values().cloned().collect()),
        other => other.clone(),
    };
    assert!(verdict(&as_list(&good)).is_err());
    for path in ["/policy", "/components/0"] {
        let mut wrong = good.clone();
        let part = wrong.pointer_mut(path).unwrap();
        *part = as_list(part);
        assert!(
            matches!(verdict(&wrong), Err(Error::Parse { .. })),
            "{path}"
        );
    }
    let twice = good.to_string().replacen('{', "{\"version\":1,", 1);
    assert!(VerifiedFile::parse(twice.as_bytes(), "v", None).is_err());
}

#[test]
fn refuses_other_bytes_members_and_versions() {
    let good = verified(&[component("web", ONE, true)]);
    let bytes = good.to_string();
    let digest = Digest::of(bytes.as_bytes());
    let parse = |bytes: &str| VerifiedFile::parse(bytes.as_bytes(), "v", Some(digest));
    assert!(parse(&bytes).is_ok());
    let other = parse(&format!("{bytes} "));
    assert!(matches!(other, Err(Error::Changed { .. })));
    for (member, value) in [("more", Value::from(1)), ("policy", Value::Null)] {
        let mut wrong = good.clone();
        wrong[member] = value;
        assert!(
            matches!(verdict(&wrong), Err(Error::Parse { .. })),
            "{member}"
        );
    }
    let mut later = good.clone();
    later["version"] = Value::from(2);
    assert!(matches!(
        verdict(&later),
        Err(Error::Version { found: 2, .. })
    ));
}
