//! The payloads in `tests/fixtures/events` are shortened from the hosts' documentation.

use super::*;

fn read(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/tests/fixtures/events/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(path).unwrap()
}

#[test]
fn reads_the_tag_of_every_host() {
    let commit = Some("82b3d5ae55f7080f1e6022629cdb57bfae7cccc7".to_owned());
    let cases = [
        ("gitlab-tag-push", EventKind::TagPush, commit.clone()),
        ("gitlab-release", EventKind::Release, commit.clone()),
        ("github-push", EventKind::TagPush, commit.clone()),
        ("github-create", EventKind::TagPush, None),
        ("github-release", EventKind::Release, None),
        ("gitea-push", EventKind::TagPush, commit.clone()),
        ("gitea-release", EventKind::Release, None),
        ("bitbucket-push", EventKind::TagPush, commit),
    ];
    for (name, kind, commit) in cases {
        let event = Event::parse(&read(name)).unwrap();
        assert_eq!(
            (event.tag.as_str(), event.kind, event.commit),
            ("v1.0", kind, commit),
            "{name}"
        );
        assert!(event.repository.is_some(), "{name}");
    }
}

/// Parses a payload after a change of one member.
fn changed(name: &str, member: &str, value: Value) -> Result<Event, Error> {
    let mut payload: Value = serde_json::from_slice(&read(name)).unwrap();
    *payload.pointer_mut(member).unwrap() = value;
    Event::parse(payload.to_string().as_bytes())
}

#[test]
fn refuses_branches_deletions_and_updates() {
    let zero = "0000000000000000000000000000000000000000";
    let cases = [
        changed("gitlab-tag-push", "/ref", "refs/heads/main".into()),
        changed("gitlab-tag-push", "/after", zero.into()),
        changed("gitlab-tag-push", "/object_kind", "merge_request".into()),
        changed("gitlab-release", "/action", "update".into()),
        changed("gitlab-release", "/action", "delete".into()),
        changed("github-push", "/ref", "refs/heads/main".into()),
        changed("github-push", "/ref", "refs/pull/1/head".into()),
        changed("github-push", "/deleted", true.into()),
        changed("github-create", "/ref_type", "branch".into()),
        changed("github-release", "/action", "edited".into()),
        changed("github-release", "/action", "prereleased".into()),
        changed("github-release", "/action", "unpublished".into()),
        changed("gitea-push", "/after", zero.into()),
        changed("gitea-release", "/action", "deleted".into()),
        changed("bitbucket-push", "/push/changes/0/new", Value::Null),
        changed(
            "bitbucket-push",
            "/push/changes/0/new/type",
            "branch".into(),
        ),
    ];
    for case in cases {
        let error = case.unwrap_err();
        assert!(
            !matches!(error, Error::Unknown | Error::Json { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_prerelease_that_becomes_a_release_is_released() {
    let event = changed("github-release", "/action", "released".into()).unwrap();
    assert_eq!((event.tag.as_str(), event.prerelease), ("v1.0", false));
}

#[test]
fn tells_drafts_and_prereleases() {
    assert!(
        changed("github-release", "/release/draft", true.into())
            .unwrap()
            .draft
    );
    assert!(
        changed("gitea-release", "/release/prerelease", true.into())
            .unwrap()
            .prerelease
    );
}

#[test]
fn refuses_what_no_host_sends() {
    assert_eq!(Event::parse(b"{}"), Err(Error::Unknown));
    assert!(matches!(Event::parse(b"[]"), Err(Error::Json { .. })));
    assert!(matches!(Event::parse(b"{"), Err(Error::Json { .. })));
    assert!(matches!(
        Event::parse(br#"{"object_kind":"tag_push"}"#),
        Err(Error::Missing { .. })
    ));
}

#[test]
fn refuses_tags_and_commits_that_are_none() {
    let commit = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";
    let places = [
        ("github-push", "/head_commit/id"),
        ("gitlab-tag-push", "/checkout_sha"),
        ("gitlab-release", "/commit/id"),
        ("bitbucket-push", "/push/changes/0/new/target/hash"),
    ];
    for (name, member) in places {
        for bad in [
            "$(x)",
            "--flag",
            "x\nTAG=evil",
            "abc",
            &"0".repeat(40),
            &"z".repeat(5000),
        ] {
            let refused = changed(name, member, bad.into());
            assert!(
                matches!(refused, Err(Error::Commit { .. })),
                "{name} {bad:?}: {refused:?}"
            );
        }
        let upper = changed(name, member, commit.to_uppercase().into()).unwrap();
        assert_eq!(upper.commit.as_deref(), Some(commit));
        let long = "a1".repeat(32);
        let sha256 = changed(name, member, long.clone().into()).unwrap();
        assert_eq!(sha256.commit, Some(long));
    }
    let places = [
        ("github-push", "/ref", "refs/tags/"),
        ("github-create", "/ref", ""),
        ("github-release", "/release/tag_name", ""),
        ("gitlab-tag-push", "/ref", "refs/tags/"),
        ("gitlab-release", "/tag", ""),
        ("bitbucket-push", "/push/changes/0/new/name", ""),
    ];
    for (name, member, before) in places {
        for bad in [
            "v1$(PASSWORD)",
            "v1\nReviewed-by: x",
            "a..b",
            "-x",
            "a b",
            "v1\u{202e}",
        ] {
            let refused = changed(name, member, format!("{before}{bad}").into());
            assert!(
                matches!(refused, Err(Error::Tag { .. })),
                "{name} {bad:?}: {refused:?}"
            );
        }
    }
}

#[test]
fn of_several_refs_the_one_tag_is_used() {
    let tag = r#"{"new":{"type":"tag","name":"v1.0","target":{"hash":"1111111111111111111111111111111111111111"}},"old":null}"#;
    let branch = r#"{"new":{"type":"branch","name":"main"},"old":null}"#;
    let cloud =
        |changes: &str| Event::parse(format!(r#"{{"push":{{"changes":[{changes}]}}}}"#).as_bytes());
    let event = cloud(&format!("{branch},{tag}")).unwrap();
    assert_eq!((event.tag.as_str(), event.commit.is_some()), ("v1.0", true));
    assert!(matches!(
        cloud(&format!("{tag},{tag}")),
        Err(Error::NotATag { .. })
    ));
    assert!(matches!(cloud(branch), Err(Error::NotATag { .. })));
}

#[test]
fn reads_bitbucket_data_center_and_azure() {
    let zero = "0".repeat(40);
    let one = "1".repeat(40);
    let data_center = |kind: &str, id: &str, action: &str| {
        let text = format!(
            r#"{{"eventKey":"repo:refs_changed","changes":[{{"ref":{{"id":"{id}","type":"{kind}"}},"toHash":"{one}","type":"{action}"}}]}}"#
        );
        Event::parse(text.as_bytes())
    };
    assert_eq!(
        data_center("TAG", "refs/tags/v1.0", "ADD").unwrap().tag,
        "v1.0"
    );
    assert!(matches!(
        data_center("TAG", "refs/tags/v1.0", "DELETE"),
        Err(Error::Deleted { .. })
    ));
    assert!(matches!(
        data_center("BRANCH", "refs/heads/main", "ADD"),
        Err(Error::NotATag { .. })
    ));
    let azure = |event: &str, name: &str, id: &str| {
        let text = format!(
            r#"{{"eventType":"{event}","resource":{{"refUpdates":[{{"name":"refs/heads/main","newObjectId":"{one}"}},{{"name":"{name}","newObjectId":"{id}"}}]}}}}"#
        );
        Event::parse(text.as_bytes())
    };
    assert_eq!(
        azure("git.push", "refs/tags/v1.0", &one).unwrap().tag,
        "v1.0"
    );
    assert!(matches!(
        azure("git.push", "refs/tags/v1.0", &zero),
        Err(Error::Deleted { .. })
    ));
    assert!(matches!(
        azure("git.push", "refs/heads/x", &one),
        Err(Error::NotATag { .. })
    ));
    assert!(matches!(
        azure("build.complete", "refs/tags/v1.0", &one),
        Err(Error::NotATag { .. })
    ));
}

#[test]
fn an_event_that_only_mentions_a_tag_is_refused() {
    let push = br#"{"ref":"refs/tags/v1.0","before":"0","after":"1111","repository":{}}"#;
    assert_eq!(Event::parse(push).unwrap().tag, "v1.0");
    for mention in [
        &br#"{"action":"created","alert":{},"ref":"refs/tags/v1.0"}"#[..],
        br#"{"inputs":{},"ref":"refs/tags/v1.0","workflow":"x"}"#,
    ] {
        assert!(matches!(Event::parse(mention), Err(Error::NotATag { .. })));
    }
}

#[test]
fn a_release_of_a_future_date_is_announced_only() {
    let release = |date: &str| {
        let text = format!(
            r#"{{"object_kind":"release","action":"create","tag":"v1.0","released_at":"{date}"}}"#
        );
        Event::parse(text.as_bytes())
    };
    for past in [
        "2020-01-01T00:00:00Z",
        "2020-01-01 00:00:00 UTC",
        "2020-01-01 00:00:00 +0200",
    ] {
        assert!(release(past).is_ok(), "{past}");
    }
    for other in [
        "2931-01-01T00:00:00Z",
        "2931-01-01 00:00:00 UTC",
        "2931-01-01 00:00:00 +0200",
        "2020-01-01 00:00:00",
        "soon",
    ] {
        assert!(
            matches!(release(other), Err(Error::Action { .. })),
            "{other}"
        );
    }
}
