//! `gather-images`: from a Git tag to images pinned by digest.
#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

use lab::{
    git,
    registry::{self, Options},
    signer::{self, Image},
};
use serde_json::Value;

use crate::harness::{Run, Workdir};

/// A source repository with the tag `v1.0` and an image that was built from it.
struct BuiltImage {
    dir: Workdir,
    registry: registry::Server,
    git: git::GitServer,
    commit: String,
    image: Image,
}

impl BuiltImage {
    fn new() -> Self {
        let registry = registry::Server::start(Options::default()).unwrap();
        let git = git::GitServer::start(None).unwrap();
        let repository = git.repository("acme/web").unwrap();
        let commit = repository.commit("main", "one", &[("a", "1")]).unwrap();
        repository.annotated_tag("v1.0", &commit).unwrap();
        let image = signer::push_image(&registry, "acme/web", "v1.0", "one", 2).unwrap();
        signer::push_image(&registry, "acme/web", &commit, "one", 2).unwrap();
        Self {
            dir: Workdir::new(),
            registry,
            git,
            commit,
            image,
        }
    }

    fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.address())
    }

    fn gather(&self, flags: &[&str]) -> Run {
        let image = format!("--image={}", self.repository("acme/web"));
        let url = format!("--git-url={}", self.git.url("acme/web"));
        let mut all = vec!["gather-images", &image, &url, "--results-dir=results"];
        if !flags.iter().any(|flag| flag.starts_with("--revision")) {
            all.push("--revision=v1.0");
        }
        all.extend(flags);
        self.dir.promote(&all)
    }

    fn images(&self) -> Value {
        serde_json::from_str(&self.dir.read("images.json")).unwrap()
    }
}

#[test]
fn pins_the_image_and_the_commit() {
    let world = BuiltImage::new();
    world.gather(&["--destination-tag=prod-v1.0"]).exits(0);
    let expected = serde_json::json!({
        "application": "",
        "components": [{
            "name": "web",
            "containerImage": format!("{}@{}", world.repository("acme/web"), world.image.digest),
            "source": {"git": {"url": world.git.url("acme/web"), "revision": world.commit}},
        }],
        "promote": {
            "version": 1, "gitTag": "v1.0", "commit": world.commit, "destinationTag": "prod-v1.0",
            "source": {
                "url": world.git.url("acme/web"), "commit": world.commit,
                "author": "Lab <lab@example.com>", "subject": "one", "date": "2026-01-02T03:04:05Z",
            },
            "components": {"web": {"tag": world.commit, "mediaType": signer::MANIFEST, "platforms": []}},
        },
    });
    assert_eq!(world.images(), expected);
    let text = world.dir.read("images.json");
    assert!(
        !text.contains('\n') && !text.contains(": "),
        "not compact: {text}"
    );
    assert_eq!(world.dir.read("results/IMAGES_TO_VERIFY"), text);
    assert_eq!(world.dir.read("results/IMAGES_COUNT"), "1");
    assert_eq!(world.dir.read("results/COMMIT"), world.commit);
    assert!(
        world
            .dir
            .read("results/IMAGES_DIGEST")
            .starts_with("sha256:")
    );
}

#[test]
fn strategies_choose_the_tag_and_a_cross_check_compares_them() {
    let world = BuiltImage::new();
    let used = |flags: &[&str]| {
        world.gather(flags).exits(0);
        world.images()["promote"]["components"]["web"]["tag"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(used(&["--strategy=git-tag"]), "v1.0");
    assert_eq!(used(&["--strategy=commit-tag"]), world.commit);
    used(&["--cross-check"]);

    signer::push_image(&world.registry, "acme/web", "v1.0", "another", 2).unwrap();
    world
        .gather(&["--cross-check"])
        .exits(4)
        .says("different images");
    world.registry.delete_tag("acme/web", &world.commit);
    world
        .gather(&["--cross-check"])
        .exits(3)
        .says(&world.commit);
    assert_eq!(used(&["--strategy=auto"]), "v1.0");
}

#[test]
fn names_several_components_and_an_index() {
    let world = BuiltImage::new();
    let arm = signer::push_image(&world.registry, "acme/api", "arm", "arm", 1).unwrap();
    let amd = signer::push_image(&world.registry, "acme/api", "amd", "amd", 1).unwrap();
    signer::push_index(
        &world.registry,
        "acme/api",
        "v1.0",
        &[("arm64", &arm), ("amd64", &amd)],
    )
    .unwrap();
    let api = format!("backend={}", world.repository("acme/api"));
    world.gather(&["--", &api]).exits(0);
    let images = world.images();
    assert_eq!(images["components"][1]["name"], "backend");
    let platforms = &images["promote"]["components"]["backend"]["platforms"];
    assert_eq!(
        *platforms,
        serde_json::json!(["linux/arm64", "linux/amd64"])
    );
    world
        .gather(&["--", &format!("web={}", world.repository("acme/api"))])
        .exits(2)
        .says("web");
}

#[test]
fn pins_the_images_of_a_snapshot_and_keeps_what_it_does_not_know() {
    let world = BuiltImage::new();
    let snapshot = serde_json::json!({
        "application": "shop", "artifacts": {},
        "components": [{"name": "w", "containerImage": format!("{}:v1.0", world.repository("acme/web")), "version": "1"}],
    });
    world.dir.write("snapshot.json", snapshot.to_string());
    for source in ["snapshot.json", &snapshot.to_string()] {
        let flag = format!("--snapshot={source}");
        world.dir.promote(&["gather-images", &flag]).exits(0);
        let images = world.images();
        let pinned = format!("{}@{}", world.repository("acme/web"), world.image.digest);
        assert_eq!(images["components"][0]["containerImage"], pinned);
        assert_eq!(images["components"][0]["version"], "1");
        assert_eq!(images["artifacts"], serde_json::json!({}));
    }
    let contradiction = snapshot
        .to_string()
        .replace(":v1.0", &format!(":v1.0@{}", world.image.digest));
    world
        .dir
        .promote(&["gather-images", &format!("--snapshot={contradiction}")])
        .exits(0);
    signer::push_image(&world.registry, "acme/web", "v1.0", "moved", 2).unwrap();
    world
        .dir
        .promote(&["gather-images", &format!("--snapshot={contradiction}")])
        .exits(0)
        .says("has moved on");
    assert_eq!(
        world.images()["components"][0]["containerImage"]
            .as_str()
            .unwrap()
            .rsplit_once('@')
            .unwrap()
            .1,
        world.image.digest
    );
    let snapshot = format!("--snapshot={contradiction}");
    world
        .dir
        .promote(&["gather-images", &snapshot, "--cross-check"])
        .exits(4)
        .says("has moved on");
}

#[test]
fn pins_the_source_of_a_snapshot_and_refuses_a_contradiction() {
    let world = BuiltImage::new();
    let url = world.git.url("acme/web");
    let gather = |revision: &str, flags: &[&str]| {
        let snapshot = serde_json::json!({"components": [{
            "name": "web", "containerImage": format!("{}:v1.0", world.repository("acme/web")),
            "source": {"git": {"url": url, "revision": revision, "context": "src"}},
        }]});
        let snapshot = format!("--snapshot={snapshot}");
        world
            .dir
            .promote(&[&["gather-images", &snapshot], flags].concat())
    };
    let source = || world.images()["components"][0]["source"]["git"].clone();
    for named in ["main", "v1.0", "refs/heads/main", "refs/tags/v1.0"] {
        gather(named, &[]).exits(0);
        let expected = serde_json::json!({"url": url, "revision": world.commit, "context": "src"});
        assert_eq!(source(), expected, "{named}");
    }
    gather("nope", &[]).exits(3).says("nope");
    let (tag, at) = ("--revision=v1.0", format!("--git-url={url}"));
    gather(&world.commit, &[tag, &at]).exits(0);
    let other = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";
    gather(other, &[]).exits(0);
    assert_eq!(source()["revision"], other);
    gather(other, &[tag, &at]).exits(4).says(other);
}

#[test]
fn a_tag_named_like_a_commit_is_a_tag_when_it_is_named_in_full() {
    let world = BuiltImage::new();
    let other = world.git.repository("acme/web").unwrap();
    let other = other.commit("main", "two", &[("a", "2")]).unwrap();
    let repository = world.git.repository("acme/web").unwrap();
    repository.tag(&world.commit, &other).unwrap();
    let full = format!("--revision=refs/tags/{}", world.commit);
    world.gather(&[&full]).exits(0);
    assert_eq!(world.images()["promote"]["commit"], other);
    assert_eq!(world.images()["promote"]["gitTag"], world.commit);
}

#[test]
fn gathers_what_a_gitops_directory_deploys_or_what_it_changes() {
    let world = BuiltImage::new();
    let registry = world.registry.address();
    let api = signer::push_image(&world.registry, "acme/api", "v1", "api", 1).unwrap();
    let gitops = world.git.repository("acme/gitops").unwrap();
    let patch = |name: &str, image: &str| {
        format!(
            r#"kind: Deployment
metadata: {{name: {name}}}
spec: {{template: {{spec: {{containers: [{{name: {name}, image: "{image}"}}]}}}}}}
"#
        )
    };
    let web = format!("overlays/prod/{}", "web.yaml");
    let old = patch("web", &format!("{registry}/acme/web:old"));
    let files = [
        (web.as_str(), old.as_str()),
        ("overlays/prod/api.yaml", &patch("api", "api")),
        (
            "overlays/prod/kustomization.yaml",
            &format!(
                "resources: [api.yaml, web.yaml]\nimages: [{{name: api, newName: {registry}/acme/api, newTag: v1}}]\n"
            ),
        ),
    ];
    gitops.commit("main", "start", &files).unwrap();
    let checkout = world.dir.path("checkout");
    let clone = std::process::Command::new("git")
        .args(["clone", "-q"])
        .args([gitops.path(), &checkout])
        .output()
        .unwrap();
    assert!(clone.status.success());
    let new = patch("web", &format!("{registry}/acme/web:v1.0"));
    world.dir.write(&format!("checkout/{web}"), new);
    let gather = |flags: &[&str]| {
        let run = ["gather-images", "--overlay=checkout/overlays/prod"];
        world.dir.promote(&[&run, flags].concat())
    };
    let images = || {
        let images = world.images();
        let components = images["components"].as_array().unwrap().iter();
        let pinned = components.map(|one| one["containerImage"].as_str().unwrap().to_owned());
        pinned.collect::<Vec<_>>()
    };
    let pinned = |name: &str, digest: &str| format!("{registry}/acme/{name}@{digest}");
    let web = pinned("web", &world.image.digest);
    gather(&[]).exits(0);
    assert_eq!(images(), [pinned("api", &api.digest), web.clone()]);
    gather(&["--target-branch=main"]).exits(0);
    assert_eq!(images(), [web]);
    gather(&["--target-branch=nope"]).exits(3).says("nope");
    world
        .dir
        .promote(&["gather-images", "--overlay=nowhere"])
        .exits(3)
        .says("nowhere");
    gather(&["--image=x.example/y"]).exits(2);
    world.dir.write("checkout/overlays/prod/web.yaml", old);
    gather(&["--target-branch=main"]).exits(3).says("no images");
    world.dir.write("checkout/overlays/prod/web.yaml", "a: [");
    gather(&[]).exits(2).says("web.yaml");
}

#[test]
fn what_is_not_there_exits_3_and_leaves_no_file() {
    let world = BuiltImage::new();
    world.gather(&["--revision=v9"]).exits(3).says("v9");
    let missing = format!("--image={}", world.repository("acme/nothing"));
    world.gather(&[&missing]).exits(3).says("acme/nothing");
    world
        .dir
        .promote(&["gather-images"])
        .exits(3)
        .says("no images");
    world
        .dir
        .promote(&["gather-images", "--snapshot={\"components\":[]}"])
        .exits(3);
    assert!(!world.dir.exists("images.json"));
    world
        .dir
        .promote(&["gather-images", "--allow-empty"])
        .exits(0);
}

#[test]
fn wrong_input_exits_2_and_a_registry_that_is_down_5() {
    let world = BuiltImage::new();
    world
        .dir
        .promote(&["gather-images", "--image=Bad//Name", "--revision=v1.0"])
        .exits(2);
    world
        .dir
        .promote(&["gather-images", "--image=127.0.0.1:1/a", "--revision=v1.0"])
        .exits(2)
        .says("--git-url");
    world
        .dir
        .promote(&["gather-images", "--snapshot={"])
        .exits(2);
    let commit = format!("--revision={}", world.commit);
    world
        .dir
        .promote(&["gather-images", "--image=127.0.0.1:1/a", &commit])
        .exits(5)
        .says("127.0.0.1:1");
}

#[test]
fn many_images_leave_a_pointer_as_the_result() {
    let world = BuiltImage::new();
    let component = |n: u32| serde_json::json!({"name": format!("c{n}"), "containerImage": format!("{}:v1.0", world.repository("acme/web"))});
    let snapshot = serde_json::json!({"components": (0..40).map(component).collect::<Vec<_>>()});
    world.dir.write("s.json", snapshot.to_string());
    world
        .dir
        .promote(&[
            "gather-images",
            "--snapshot=s.json",
            "--results-dir=results",
        ])
        .exits(0);
    assert_eq!(
        world.dir.read("results/IMAGES_TO_VERIFY"),
        "file:images.json"
    );
    assert_eq!(world.dir.read("results/IMAGES_COUNT"), "40");
    let elsewhere = [
        "gather-images",
        "--snapshot=s.json",
        "--results-dir=results",
        "--images-out=a/b.json",
    ];
    world.dir.promote(&elsewhere).exits(0);
    assert_eq!(world.dir.read("results/IMAGES_TO_VERIFY"), "a/b.json");
    assert!(world.dir.exists("a/b.json"));
}

#[test]
fn refuses_a_revision_of_another_commit_than_the_one_expected() {
    let world = BuiltImage::new();
    let expected = format!("--commit={}", world.commit);
    world.gather(&[&expected]).exits(0);
    let other = "--commit=82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";
    world.dir.write("images.json", "old");
    world.gather(&[other]).exits(4).says("82b3d5ae");
    assert_eq!(world.dir.read("images.json"), "old");
}

#[test]
fn the_destination_tag_may_be_a_template() {
    let world = BuiltImage::new();
    for (given, recorded) in [("prod-{tag}", "prod-v1.0"), ("prod-v7", "prod-v7")] {
        let flag = format!("--destination-tag={given}");
        world.gather(&[&flag]).exits(0);
        let images: Value = serde_json::from_str(&world.dir.read("images.json")).unwrap();
        assert_eq!(images["promote"]["destinationTag"], recorded);
    }
    for bad in ["{nope}", "a b", "{tag"] {
        let flag = format!("--destination-tag={bad}");
        world.gather(&[&flag]).exits(2);
    }
}
