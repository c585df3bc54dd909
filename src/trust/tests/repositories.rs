//! Tests TUF repositories: good ones, rollbacks and other attacks.

mod files;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::sigstore::{Release, SIGNED, Tuf as Repository, Web};
use serde_json::json;

use super::{
    attacks::parts::{keyless_layer, put_sig},
    *,
};
use crate::trust::{Artifact, Error, PUBLIC_GOOD, RootSource, Start, Tuf, pem};

/// A TUF repository of the lab, and a client with a separate cache.
pub(super) struct Mirror {
    pub(super) repository: Repository,
    pub(super) web: Web,
    pub(super) root: Value,
    pub(super) cache: tempfile::TempDir,
}

impl Mirror {
    pub(super) fn new() -> Self {
        Self {
            repository: Repository::new().unwrap(),
            web: Web::start().unwrap(),
            root: Sigstore::new().unwrap().trusted_root(),
            cache: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn serve(&self, version: u64) {
        self.web
            .serve_files(self.repository.serving(version, &self.root));
    }

    pub(super) fn env(&self) -> Env {
        Env::from([("TUF_ROOT", self.cache.path().to_str().unwrap())])
    }

    pub(super) fn start(&self, checksum: Option<String>) -> Start {
        Start {
            mirror: self.web.url(),
            root: Some(format!("{}/root.json", self.web.url())),
            checksum,
        }
    }

    pub(super) async fn initialize(&self) -> Result<Vec<u8>, Error> {
        let tuf = Tuf::new(http(), &self.env()).unwrap();
        tuf.initialize(&self.start(None)).await
    }
}

#[tokio::test]
async fn tuf_serves_later_runs_without_the_network() {
    let mirror = Mirror::new();
    mirror.serve(1);
    let found = mirror.initialize().await.unwrap();
    SigstoreRoot::parse(&found, "the mirror").unwrap();
    mirror.web.break_down();
    let asked = mirror.web.requests().len();
    let root = RootSource::Default
        .load(&mirror.env(), &http())
        .await
        .unwrap();
    assert_eq!(root.origin(), mirror.web.url());
    assert_eq!(mirror.web.requests().len(), asked);
}

#[tokio::test]
async fn tuf_metadata_never_goes_back() {
    let mirror = Mirror::new();
    mirror.serve(2);
    mirror.initialize().await.unwrap();
    mirror.serve(3);
    mirror.initialize().await.unwrap();
    mirror.serve(2);
    let error = mirror.initialize().await.unwrap_err();
    assert!(error.to_string().contains("rollback"), "{error}");
    // Metadata of another repository at the same address do not reset the cache.
    let stranger = Repository::new().unwrap();
    mirror.web.serve_files(stranger.serving(9, &mirror.root));
    let error = mirror.initialize().await.unwrap_err();
    assert!(matches!(error, Error::Tuf { .. }), "{error}");
}

#[tokio::test]
async fn tuf_refuses_what_expired_and_what_was_changed() {
    let mirror = Mirror::new();
    let target = mirror.root.to_string().into_bytes();
    let files = [("trusted_root.json", target.as_slice(), None)];
    let expired = Release {
        expires: "2020-01-01T00:00:00Z",
        ..Release::new(1, &files)
    };
    mirror.web.serve_files(mirror.repository.files(&expired));
    let error = mirror.initialize().await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
    let mut files = mirror.repository.serving(1, &mirror.root);
    files.get_mut("targets/trusted_root.json").unwrap()[0] = b' ';
    mirror.web.serve_files(files);
    let error = mirror.initialize().await.unwrap_err();
    assert!(matches!(error, Error::Tuf { .. }), "{error}");
}

#[tokio::test]
async fn a_first_root_with_another_checksum_is_refused() {
    let mirror = Mirror::new();
    mirror.serve(1);
    let tuf = Tuf::new(http(), &mirror.env()).unwrap();
    let right = crate::image::Digest::of(&mirror.repository.root()).hex();
    let wrong = mirror.start(Some("00".repeat(32)));
    let error = tuf.initialize(&wrong).await.unwrap_err();
    assert!(matches!(error, Error::RootChecksum { .. }), "{error}");
    tuf.initialize(&mirror.start(Some(right))).await.unwrap();
}

#[tokio::test]
async fn a_targets_name_cannot_leave_the_cache() {
    let mirror = Mirror::new();
    let root = mirror.root.to_string().into_bytes();
    let files = [
        ("trusted_root.json", root.as_slice(), None),
        ("../../outside", b"x", None),
    ];
    mirror
        .web
        .serve_files(mirror.repository.files(&Release::new(1, &files)));
    mirror.initialize().await.unwrap();
    let parent = mirror.cache.path().parent().unwrap();
    assert!(!parent.join("outside").exists() && !mirror.cache.path().join("outside").exists());
}

/// Serves releases one after the other; the last must be refused as a rollback.
async fn goes_back(versions: &[[u64; 3]]) {
    let mirror = Mirror::new();
    let root = mirror.root.to_string().into_bytes();
    let files = [("trusted_root.json", root.as_slice(), None)];
    let (last, before) = versions.split_last().unwrap();
    let serve = |[timestamp, snapshot, targets]: [u64; 3]| {
        let release = Release {
            timestamp,
            snapshot,
            targets,
            ..Release::new(1, &files)
        };
        mirror.web.serve_files(mirror.repository.files(&release));
    };
    for versions in before {
        serve(*versions);
        mirror.initialize().await.unwrap();
    }
    serve(*last);
    let error = mirror.initialize().await.unwrap_err();
    assert!(
        error.to_string().contains("rollback"),
        "{versions:?}: {error}"
    );
}

#[tokio::test]
async fn cve_2022_29173_no_role_goes_back_behind_a_newer_timestamp() {
    goes_back(&[[2, 2, 2], [3, 2, 2], [2, 2, 2]]).await;
    goes_back(&[[2, 2, 2], [3, 3, 2], [4, 2, 2]]).await;
    goes_back(&[[2, 2, 2], [3, 3, 3], [4, 4, 2]]).await;
}

#[tokio::test]
async fn cve_2025_2888_a_refused_timestamp_is_not_remembered() {
    let mirror = Mirror::new();
    mirror.serve(2);
    mirror.initialize().await.unwrap();
    mirror.serve(1);
    mirror.initialize().await.unwrap_err();
    mirror.web.break_down();
    RootSource::Default
        .load(&mirror.env(), &http())
        .await
        .unwrap();
}

/// Starts from a root that was changed before, and one more time after, it was signed.
async fn begin(sign: impl FnOnce(&mut Value), after: impl FnOnce(&mut Value)) -> Result<(), Error> {
    let mirror = Mirror::new();
    let mut files = mirror.repository.serving(1, &mirror.root);
    let root = mirror.repository.root_with(sign);
    let mut root: Value = serde_json::from_slice(&root).unwrap();
    after(&mut root);
    files.insert("root.json".to_owned(), root.to_string().into_bytes());
    mirror.web.serve_files(files);
    mirror.initialize().await.map(drop)
}

#[tokio::test]
async fn cve_2026_23992_a_threshold_of_zero_is_refused() {
    begin(|_| {}, |_| {}).await.unwrap();
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let nobody = |root: &mut Value| root["roles"][role]["threshold"] = 0.into();
        let error = begin(nobody, |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::Tuf { .. }), "{role}: {error}");
    }
}

#[tokio::test]
async fn cve_2026_6966_one_signature_twice_is_not_two() {
    let two = |root: &mut Value| root["roles"]["root"]["threshold"] = 2.into();
    let twice = |root: &mut Value| {
        let one = root["signatures"][0].clone();
        root["signatures"] = json!([one, one]);
    };
    begin(|_| {}, |_| {}).await.unwrap();
    let once = begin(two, |_| {}).await;
    assert!(matches!(once, Err(Error::Tuf { .. })), "{once:?}");
    let twice = begin(two, twice).await;
    assert!(matches!(twice, Err(Error::Tuf { .. })), "{twice:?}");
}

#[tokio::test]
async fn cve_2025_2885_no_version_of_the_root_is_skipped() {
    let follow = |version: u64| async move {
        let mirror = Mirror::new();
        let mut files = mirror.repository.serving(1, &mirror.root);
        let next = mirror
            .repository
            .root_with(|root| root["version"] = version.into());
        files.insert("2.root.json".to_owned(), next);
        mirror.web.serve_files(files);
        mirror.initialize().await.map(drop)
    };
    follow(2).await.unwrap();
    let error = follow(3).await.unwrap_err();
    assert!(error.to_string().contains("version"), "{error}");
}

#[tokio::test]
async fn tob_sigstore_10_a_changed_target_in_the_cache_is_not_used() {
    let mirror = Mirror::new();
    mirror.serve(1);
    mirror.initialize().await.unwrap();
    let target = find(mirror.cache.path(), "trusted_root.json");
    let good = fs::read(&target).unwrap();
    fs::write(&target, b"{}").unwrap();
    // The repository is fetched again, and the new root is used.
    RootSource::Default
        .load(&mirror.env(), &http())
        .await
        .unwrap();
    assert_eq!(fs::read(&target).unwrap(), good);
    fs::write(&target, b"{}").unwrap();
    mirror.web.break_down();
    let error = RootSource::Default.load(&mirror.env(), &http()).await;
    assert!(matches!(error, Err(Error::Remote { .. })), "{error:?}");
}

/// Returns the file with this name below a directory.
pub(super) fn find(dir: &Path, name: &str) -> std::path::PathBuf {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path
                .file_name()
                .is_some_and(|found| found.to_string_lossy().contains(name))
            {
                return path;
            }
        }
    }
    panic!("no {name} in the cache")
}

#[tokio::test]
async fn cve_2026_24137_an_old_repository_of_single_files_cannot_leave_the_cache() {
    let world = World::new();
    put_sig(
        &world,
        keyless_layer(&world, &world.honest_certificate(), SIGNED),
    );
    let root = world.sigstore.trusted_root();
    let parts = files::parts(&root);
    let mirror = Mirror::new();
    for names in [
        ["a.pem", "b.pub", "c.pub"],
        ["../../a.pem", "../b.pub", "c/../../../c.pub"],
    ] {
        let files = parts.iter().zip(names);
        let files: Vec<_> = files
            .map(|((usage, _, text), name)| (name, text.as_bytes(), Some(*usage)))
            .collect();
        let mirror = Mirror {
            cache: tempfile::tempdir_in(mirror.cache.path()).unwrap(),
            ..Mirror::new()
        };
        mirror
            .web
            .serve_files(mirror.repository.files(&Release::new(1, &files)));
        let found = mirror.initialize().await;
        if names[0] == "a.pem" {
            let root = SigstoreRoot::parse(&found.unwrap(), "the mirror").unwrap();
            files::accepts(&world, root).await.unwrap();
        }
        let outside: Vec<_> = fs::read_dir(mirror.cache.path().parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| *name != mirror.cache.path().file_name().unwrap())
            .collect();
        assert!(outside.is_empty(), "{outside:?}");
    }
}

#[tokio::test]
async fn cve_2026_24686_a_mirrors_name_is_not_a_path() {
    let mirror = Mirror::new();
    mirror.serve(1);
    let start = Start {
        mirror: format!("{}/../../..", mirror.web.url()),
        ..mirror.start(None)
    };
    let tuf = Tuf::new(http(), &mirror.env()).unwrap();
    tuf.initialize(&start).await.unwrap();
    let made = fs::read_dir(mirror.cache.path()).unwrap();
    let mut made: Vec<_> = made
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    assert_eq!(made.len(), 2, "{made:?}");
    assert!(
        made[0].starts_with("127.0.0.1-") && made[0].ends_with("-..-..-.."),
        "{made:?}"
    );
    assert!(mirror.cache.path().join(&made[0]).is_dir());
    assert_eq!(made[1], "remote.json");
}

#[tokio::test]
async fn cosigns_variables_name_a_repository() {
    let mirror = Mirror::new();
    mirror.serve(1);
    let first = mirror.cache.path().join("first.json");
    fs::write(&first, mirror.repository.root()).unwrap();
    let (url, cache) = (
        mirror.web.url(),
        mirror.cache.path().to_str().unwrap().to_owned(),
    );
    let variables = [
        ("TUF_ROOT", cache.as_str()),
        ("TUF_MIRROR", &url),
        ("TUF_ROOT_JSON", first.to_str().unwrap()),
    ];
    let root = RootSource::Default
        .load(&Env::from(variables), &http())
        .await
        .unwrap();
    assert_eq!(root.origin(), url);
    // Without a first root the repository is not authenticated.
    let variables = [
        ("TUF_ROOT", first.to_str().unwrap()),
        ("TUF_MIRROR", url.as_str()),
    ];
    let error = RootSource::Default
        .load(&Env::from(variables), &http())
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Root { .. } | Error::Missing { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_public_instance_needs_no_first_root() {
    let cache = tempfile::tempdir().unwrap();
    let env = Env::from([("TUF_ROOT", cache.path().to_str().unwrap())]);
    let tuf = Tuf::new(http(), &env).unwrap();
    let start = |mirror: &str| Start {
        mirror: mirror.to_owned(),
        root: None,
        checksum: None,
    };
    let root = tuf
        .first_root(&start(&format!("{PUBLIC_GOOD}/")), cache.path())
        .await
        .unwrap();
    let root: Value = serde_json::from_slice(&root).unwrap();
    assert_eq!(root["signed"]["_type"], "root");
    let error = tuf
        .first_root(&start("https://tuf.example"), cache.path())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
}

#[test]
fn the_cache_is_for_its_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let cache = tempfile::tempdir().unwrap();
    let env = Env::from([("TUF_ROOT", cache.path().to_str().unwrap())]);
    let dir = Tuf::new(http(), &env)
        .unwrap()
        .directory("https://tuf.example")
        .unwrap();
    assert_eq!(
        fs::metadata(dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
}
