//! Tests delegated TUF roles, and names in a repository that must not become paths.

use lab::sigstore::{Delegated, Release, Tuf as Repository};

use super::{
    repositories::{Mirror, find},
    *,
};
use crate::trust::{Error, RootSource};

const FAR: &str = "2099-01-01T00:00:00Z";
const TARGET: &str = "trusted_root.json";

/// A role that is delegated every name.
fn role<'a>(mirror: &'a Mirror, name: &'a str, files: &'a [(&'a str, &'a [u8])]) -> Delegated<'a> {
    Delegated {
        name,
        path: "*",
        terminating: false,
        version: 1,
        expires: FAR,
        signer: &mirror.repository,
        files,
    }
}

/// Serves delegated roles in a new version of the other metadata, and fetches the trusted root.
async fn fetch(mirror: &Mirror, version: u64, roles: &[Delegated<'_>]) -> Result<Vec<u8>, Error> {
    let release = Release::new(version, &[]);
    let files = mirror.repository.delegating(&release, roles);
    mirror.web.serve_files(files);
    mirror.initialize().await
}

#[track_caller]
fn refused(found: Result<Vec<u8>, Error>, why: &str) {
    let error = found.expect_err("it counts");
    assert!(matches!(error, Error::Tuf { .. }), "{error:?}");
    assert!(error.to_string().contains(why), "{error}");
}

#[tokio::test]
async fn cve_2024_47534_the_first_role_that_has_the_target_speaks() {
    let mine = Mirror::new().root.to_string();
    // The length is equal, so that the hash causes the refusal.
    let other = mine.replace("2000-01-01T", "2001-01-01T").into_bytes();
    let mine = mine.into_bytes();
    assert_ne!(mine, other);
    let (mine_files, other_files) = ([(TARGET, &mine[..])], [(TARGET, &other[..])]);
    for (names, expected) in [(["a", "b"], &mine), (["b", "a"], &mine)] {
        let mirror = Mirror::new();
        let [first, second] = names;
        let roles = [
            role(&mirror, first, &mine_files),
            role(&mirror, second, &other_files),
        ];
        let release = Release::new(1, &[]);
        let mut files = mirror.repository.delegating(&release, &roles);
        // Both roles have a target with this name, but there is one file.
        files.insert(format!("targets/{TARGET}"), mine.clone());
        mirror.web.serve_files(files.clone());
        assert_eq!(&mirror.initialize().await.unwrap(), expected);
        // The target of the later role is not used.
        let mirror = Mirror {
            cache: tempfile::tempdir().unwrap(),
            ..mirror
        };
        files.insert(format!("targets/{TARGET}"), other.clone());
        mirror.web.serve_files(files);
        refused(
            mirror.initialize().await,
            "integrity check failed: trusted_root.json",
        );
    }
}

#[tokio::test]
async fn cve_2025_2886_a_terminating_role_ends_the_search() {
    let mirror = Mirror::new();
    let target = mirror.root.to_string().into_bytes();
    let files = [(TARGET, &target[..])];
    let (first, second) = (role(&mirror, "a", &[]), role(&mirror, "b", &files));
    assert_eq!(fetch(&mirror, 1, &[first, second]).await.unwrap(), target);
    let ends = Delegated {
        terminating: true,
        ..first
    };
    refused(fetch(&mirror, 2, &[ends, second]).await, "no target");
    // The role is delegated only these names.
    let ends = Delegated {
        path: "other*",
        ..ends
    };
    assert_eq!(fetch(&mirror, 3, &[ends, second]).await.unwrap(), target);
}

#[tokio::test]
async fn cve_2025_2887_a_delegated_role_never_goes_back() {
    let mirror = Mirror::new();
    let target = mirror.root.to_string().into_bytes();
    let files = [(TARGET, &target[..])];
    let at = |version| Delegated {
        version,
        ..role(&mirror, "a", &files)
    };
    fetch(&mirror, 1, &[at(2)]).await.unwrap();
    fetch(&mirror, 2, &[at(3)]).await.unwrap();
    refused(fetch(&mirror, 3, &[at(2)]).await, "rollback");
}

#[tokio::test]
async fn cve_2026_6967_a_delegated_role_is_fresh_pinned_and_signed() {
    let mirror = Mirror::new();
    let target = mirror.root.to_string().into_bytes();
    let files = [(TARGET, &target[..])];
    let good = role(&mirror, "a", &files);
    fetch(&mirror, 1, &[good]).await.unwrap();
    let expired = Delegated {
        expires: "2020-01-01T00:00:00Z",
        version: 2,
        ..good
    };
    refused(fetch(&mirror, 2, &[expired]).await, "expired");
    let stranger = Repository::new().unwrap();
    let forged = Delegated {
        signer: &stranger,
        version: 2,
        ..good
    };
    refused(fetch(&mirror, 3, &[forged]).await, "threshold");
    // Signed and of this version, but not the bytes that the snapshot pins.
    let pinned = Delegated { version: 2, ..good };
    let other = Delegated {
        files: &[(TARGET, b"{}")],
        ..pinned
    };
    let release = Release::new(4, &[]);
    let mut served = mirror.repository.delegating(&release, &[pinned]);
    served.insert(other.file(), other.metadata());
    mirror.web.serve_files(served);
    refused(mirror.initialize().await, "a.json: length");
    fetch(&mirror, 5, &[pinned]).await.unwrap();
}

/// Returns every file below the parent of the cache, except those in the cache's own directories.
fn strays(outer: &tempfile::TempDir) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![outer.path().to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(outer.path()).unwrap().to_owned();
            let name = name.to_str().unwrap().to_owned();
            match name.strip_prefix("a/b/cache/") {
                Some(inner) if inner == "remote.json" || inner.contains('/') => {}
                _ if path.is_dir() => dirs.push(path),
                _ => found.push(name),
            }
        }
    }
    found
}

/// Makes a repository whose cache is three directories deep in a separate directory.
fn deep() -> (Mirror, tempfile::TempDir) {
    let outer = tempfile::tempdir().unwrap();
    let cache = outer.path().join("a/b");
    fs::create_dir_all(&cache).unwrap();
    let cache = tempfile::Builder::new()
        .prefix("cache")
        .rand_bytes(0)
        .tempdir_in(cache)
        .unwrap();
    let mirror = Mirror {
        cache,
        ..Mirror::new()
    };
    (mirror, outer)
}

const PATHS: [&str; 6] = [
    "../outside",
    "../../outside",
    "../../../outside",
    "x/../../../../outside",
    "..\\..\\outside",
    "%2e%2e%2f%2e%2e%2foutside",
];

#[tokio::test]
async fn cve_2021_41150_a_delegated_roles_name_is_not_a_path() {
    for name in ["plain"].into_iter().chain(PATHS) {
        let (mirror, outer) = deep();
        let target = mirror.root.to_string().into_bytes();
        let files = [(TARGET, &target[..])];
        let roles = [role(&mirror, name, &files)];
        // The role's metadata are stored only under the encoded name.
        let found = fetch(&mirror, 1, &roles).await;
        if name == "plain" {
            assert_eq!(found.unwrap(), target);
        }
        let asked = mirror.web.requests();
        let of_role = |path: &String| path.contains(&name[name.len() - 5..]);
        assert!(asked.iter().any(of_role), "{name}: {asked:?}");
        assert_eq!(strays(&outer), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn cve_2021_41149_a_targets_name_is_not_a_path() {
    for name in ["plain"].into_iter().chain(PATHS) {
        let (mirror, outer) = deep();
        let target = mirror.root.to_string().into_bytes();
        let files = [(TARGET, &target[..], None), (name, b"x", Some("Rekor"))];
        let release = Release::new(1, &files);
        mirror.web.serve_files(mirror.repository.files(&release));
        assert_eq!(mirror.initialize().await.unwrap(), target);
        assert_eq!(strays(&outer), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn cve_2026_6968_a_link_in_the_cache_is_not_written_through() {
    let (mirror, outer) = deep();
    mirror.serve(1);
    mirror.initialize().await.unwrap();
    // A foreign file at the place of a target of the repository.
    let victim = outer.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let kept = find(mirror.cache.path(), TARGET);
    fs::remove_file(&kept).unwrap();
    std::os::unix::fs::symlink(&victim, &kept).unwrap();
    mirror.serve(2);
    mirror.initialize().await.unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(strays(&outer), ["victim"]);
}

#[tokio::test]
async fn cve_2020_15163_a_refused_root_is_not_kept() {
    let mirror = Mirror::new();
    mirror.serve(1);
    mirror.initialize().await.unwrap();
    // The next root is signed only by the keys that it names itself.
    let stranger = Repository::new().unwrap();
    let mut files = stranger.serving(2, &mirror.root);
    let next = stranger.root_with(|root| root["version"] = 2.into());
    files.insert("2.root.json".to_owned(), next);
    files.insert("root.json".to_owned(), mirror.repository.root());
    mirror.web.serve_files(files);
    refused(mirror.initialize().await, "threshold");
    // A second request is refused too.
    refused(mirror.initialize().await, "threshold");
    mirror.serve(2);
    mirror.initialize().await.unwrap();
    mirror.web.break_down();
    RootSource::Default
        .load(&mirror.env(), &http())
        .await
        .unwrap();
    // The same root signed by authorised keys is accepted.
    let mirror = Mirror::new();
    mirror.serve(1);
    mirror.initialize().await.unwrap();
    let mut files = mirror.repository.serving(2, &mirror.root);
    let next = mirror
        .repository
        .root_with(|root| root["version"] = 2.into());
    files.insert("2.root.json".to_owned(), next);
    mirror.web.serve_files(files);
    mirror.initialize().await.unwrap();
}
