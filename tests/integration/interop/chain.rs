//! The whole chain against Docker Distribution and git's own HTTP server; skopeo pushes the
//! image and looks at the result.

use std::process::Command;

use super::{available, docker_registry::DockerRegistry, git_http::GitHttp, run};
use crate::{chain::World, harness::Workdir};

#[test]
fn interop_promotes_an_image_on_servers_of_others() {
    if !available(&["docker-registry", "skopeo", "lighttpd", "git-http-backend"]) {
        return;
    }
    let world = World::new();
    let (registry, git) = (DockerRegistry::start(), GitHttp::start());
    let image = &world.image;
    let tags = ["v1.0".to_owned(), image.attached_tag("sig"), image.attached_tag("att")];
    for tag in &tags {
        registry.push(&format!("{}/acme/web:{tag}", world.registry.address()), &format!("acme/web:{tag}"));
    }
    git.adopt("acme/web", world.source.path());
    let gitops = git.adopt("acme/gitops", world.gitops.path());

    let dir = Workdir::new();
    dir.write("cosign.pub", world.key.public_pem());
    world.write_policy(&dir);
    dir.write("credentials/.git-credentials", format!("{}\n", git.url("").replace("://", "://bot:s3cret@").replace("/git/.git", "")));
    let arguments = [
        "run",
        "--tag=v1.0",
        &format!("--image={}/acme/web", registry.address()),
        &format!("--git-url={}", git.url("acme/web")),
        "--policy=policy",
        "--public-key=cosign.pub",
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
        assert_eq!(registry.digest(&format!("prod/web:{tag}")), registry.digest(&format!("acme/web:{tag}")));
    }
    let file = "main:components/web/overlays/prod/deployment-patch.yaml";
    let patch = run(Command::new("git").current_dir(&gitops).args(["show", file]));
    let deployed = format!("{}/prod/web:prod-v1.0@{}", registry.address(), image.digest);
    assert!(patch.contains(&deployed), "{patch}");
    run(Command::new("git").current_dir(&gitops).args(["fsck", "--strict"]));
}
