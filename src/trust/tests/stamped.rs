//! Tests keyless signers without a log, whose time a timestamp authority proves.

use super::{
    advisories::{anybody, check_bundle},
    *,
};

fn entries(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"]
}

fn stamps(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["timestampVerificationData"]
}

#[test]
fn a_timestamp_takes_the_place_of_the_log() {
    let without_log = |bundle: &mut Value| *entries(bundle) = json!([]);
    check_bundle(TrustedSigners::Stamped(anybody()), |_| {}, without_log).unwrap();
    // The log entry is ignored, whether valid or not.
    check_bundle(TrustedSigners::Stamped(anybody()), |_| {}, |_| {}).unwrap();
    assert!(check_bundle(TrustedSigners::Identities(anybody()), |_| {}, without_log).is_err());
}

#[test]
fn without_a_timestamp_nothing_dates_the_certificate() {
    let bare = |bundle: &mut Value| *stamps(bundle) = json!({});
    let refused = check_bundle(TrustedSigners::Stamped(anybody()), |_| {}, bare);
    assert!(refused.is_err(), "{refused:?}");
    let untrusted = |root: &mut Value| root["timestampAuthorities"] = json!([]);
    let refused = check_bundle(TrustedSigners::Stamped(anybody()), untrusted, |_| {});
    assert!(refused.is_err(), "{refused:?}");
}
