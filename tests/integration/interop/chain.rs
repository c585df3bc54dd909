//! The whole chain against Docker Distribution and git's own HTTP server; skopeo pushes the
//! image and looks at the result.

use std::process::Command;

use lab::universe::{COMPONENT, PATCH, STAGING, Universe};

use super::{available, docker_registry::DockerRegistry, git_http::GitHttp, run};
use crate::harness::Workdir;

#[test]
fn interop_promotes_an_image_on_servers_of_others() {
    if !available(&["docker-registry", "skopeo", "lighttpd", "git-http-backend"]) {
        return;
    }
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let (registry, git) = (DockerRegistry::start(), GitHttp::start());
    let image = &universe.image;
    for tag in [
        "v1.0".to_owned(),
        image.attached_tag("sig"),
        image.attached_tag("att"),
    ] {
        registry.push(
            &format!("{}:{tag}", universe.staging()),
            &format!("{STAGING}:{tag}"),
        );
    }
    git.adopt("acme/web", universe.source().unwrap().path());
    let gitops = git.adopt("acme/gitops", universe.gitops().unwrap().path());
    let policy = git.adopt("acme/policy", universe.policy().unwrap().path());
    assert!(policy.is_dir());

    let dir = Workdir::new();
    dir.write("credentials/.git-credentials", format!("{}\n", git.login()));
    let arguments = [
        "run",
        "--tag=v1.0",
        &format!("--image={COMPONENT}={}/{STAGING}", registry.address()),
        &format!("--git-url={}", git.url("acme/web")),
        &format!("--policy=git::{}//release", git.url("acme/policy")),
        &format!("--public-key={}", universe.public_key().display()),
        "--ignore-rekor",
        &format!("--to={}/prod/web", registry.address()),
        &format!("--gitops-repo-url={}", git.url("acme/gitops")),
        "--git-credentials-dir=credentials",
        "--out=out",
    ];
    dir.promote(&arguments).exits(0);

    assert_eq!(registry.digest("prod/web:prod-v1.0"), image.digest);
    for suffix in ["sig", "att"] {
        let tag = image.attached_tag(suffix);
        assert_eq!(
            registry.digest(&format!("prod/web:{tag}")),
            registry.digest(&format!("{STAGING}:{tag}"))
        );
    }
    let patch = run(Command::new("git")
        .current_dir(&gitops)
        .args(["show", &format!("main:{PATCH}")]));
    let deployed = format!("{}/prod/web:prod-v1.0@{}", registry.address(), image.digest);
    assert!(patch.contains(&deployed), "{patch}");
    run(Command::new("git")
        .current_dir(&gitops)
        .args(["fsck", "--strict"]));
}
