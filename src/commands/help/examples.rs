//! An example of each command, as its help and its manual page show them.

/// Commands by their path, with lines to type. A line that begins with `#` explains the next line.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "extract-tag",
        &[
            "promote extract-tag --ref=refs/tags/v1.0 --template=prod-{tag}",
            "promote extract-tag --event-file=event.json --git-url=https://git.example.com/acme/web.git",
        ],
    ),
    (
        "gather-images",
        &[
            "promote gather-images --image=web=registry.example.com/staging/web --git-url=https://git.example.com/acme/web.git --revision=v1.0",
            "promote gather-images --snapshot=snapshot.json",
        ],
    ),
    (
        "plan-release",
        &["promote plan-release --snapshot=snapshot.json --release-plan=release-plan.yaml"],
    ),
    (
        "verify-ec",
        &[
            "# The list that gather-images wrote, a policy in Git, a key in the cluster:",
            "promote verify-ec --policy=git::https://git.example.com/acme/policy.git//release --public-key=k8s://cosign-pub",
            "# One image, signed by a workflow, with a report as a page:",
            "promote verify-ec --image=registry.example.com/web:v1.0 --policy=./policies/release --certificate-identity=https://github.com/acme/web/.github/workflows/build.yml@refs/tags/v1.0 --certificate-oidc-issuer=https://token.actions.githubusercontent.com --output=html=report.html",
        ],
    ),
    (
        "copy-image",
        &[
            "# Exactly what verify-ec accepted:",
            "promote copy-image --verified=verified.json --tag=prod-{tag} --to=registry.example.com/prod/web",
            "# Without a verdict, between two registries; first the plan:",
            "promote copy-image --unverified --dry-run registry.example.com/web:v1.0 mirror.example.com/web:v1.0",
        ],
    ),
    (
        "update-deployment",
        &[
            "promote update-deployment --gitops-repo-url=https://git.example.com/acme/web-gitops.git --environment=prod --change-request",
            "# A checkout of your own, as a diff:",
            "promote update-deployment --local=../web-gitops --kustomize=overlays/prod --dry-run",
        ],
    ),
    (
        "commit-status",
        &[
            "promote commit-status --git-url=https://git.example.com/acme/web.git --commit=82b3d5ae55f7080f1e6022629cdb57bfae7cccc7 --state=pending --forge=gitlab",
        ],
    ),
    (
        "run",
        &[
            "promote run --config=promote.yaml --tag=v1.0",
            "promote run --config=promote.yaml --tag=v1.0 --dry-run",
        ],
    ),
    ("doctor", &["promote doctor --config=promote.yaml"]),
    (
        "init",
        &[
            "promote init",
            "promote init --image=registry.example.com/staging/web --to=registry.example.com/prod/web --gitops-repo-url=https://git.example.com/acme/web-gitops.git",
        ],
    ),
    (
        "inspect",
        &["promote inspect registry.example.com/prod/web:prod-v1.0"],
    ),
    (
        "why",
        &["promote why registry.example.com/prod/web:prod-v1.0"],
    ),
    (
        "attest",
        &["promote attest --promoted=promoted.json --verified=verified.json --environment=prod"],
    ),
    (
        "release-status",
        &["promote release-status --release=release.json --patch=k8s:acme/web-v1.0"],
    ),
    (
        "test-output",
        &["promote test-output --required=deploy,test --task=deploy=Succeeded --task=test=Failed"],
    ),
    (
        "render",
        &["promote render --snapshot=images.json --dir=overlays/test --out=rendered"],
    ),
    (
        "trust init",
        &["promote trust init --out=trusted_root.json"],
    ),
    (
        "trust verify",
        &[
            "promote trust verify registry.example.com/web:v1.0 --public-key=cosign.pub",
            "promote trust verify registry.example.com/web:v1.0 --kind=attestation --type=slsaprovenance1 --public-key=cosign.pub",
        ],
    ),
    (
        "trust verify-bundle",
        &[
            "promote trust verify-bundle --bundle=SHA256SUMS.sigstore.json --key=cosign.pub SHA256SUMS",
        ],
    ),
    ("policy check", &["promote policy check policies/release"]),
    ("policy test", &["promote policy test policies"]),
    ("policy list", &["promote policy list policies/release"]),
    (
        "lint",
        &["promote lint --strict tasks/verify-ec/verify-ec.yaml"],
    ),
    (
        "report",
        &[
            "promote report report.json --output=text",
            "promote report report.json --output=html > report.html",
        ],
    ),
    (
        "ec",
        &[
            "promote ec validate image --image=registry.example.com/web@sha256:0c2fc34f783d7aa89ef984c695cf43f361341c4472527f4a0e52383391971fb6 --policy=policy.yaml --public-key=cosign.pub",
        ],
    ),
    (
        "bundle push",
        &[
            "promote bundle push --to=registry.example.com/promote/{kind}-{name}:{version} tasks/verify-ec/verify-ec.yaml",
        ],
    ),
    (
        "drop-in verify-enterprise-contract",
        &[
            "promote drop-in verify-enterprise-contract --images=snapshot.json --policy-configuration=policy.yaml --public-key=cosign.pub",
        ],
    ),
    (
        "drop-in verify-conforma-konflux-ta",
        &[
            "promote drop-in verify-conforma-konflux-ta --source-data-artifact=oci:registry.example.com/data@sha256:0c2fc34f783d7aa89ef984c695cf43f361341c4472527f4a0e52383391971fb6 --snapshot-filename=snapshot.json",
        ],
    ),
    (
        "drop-in verify-gitops-conforma",
        &[
            "promote drop-in verify-gitops-conforma --source=checkout --policy-configuration=policy.yaml --rekor-host=none",
        ],
    ),
    (
        "drop-in gather-deploy-images",
        &[
            "promote drop-in gather-deploy-images --source=checkout --target-branch=main -- stage prod",
        ],
    ),
    (
        "drop-in fetch-gitops-images",
        &[
            "promote drop-in fetch-gitops-images --source=checkout --public-key-url=k8s://acme-web/cosign-pub",
        ],
    ),
    (
        "drop-in skopeo-copy",
        &[
            "promote drop-in skopeo-copy --source-image-url=docker://registry.example.com/web:v1.0 --destination-image-url=docker://registry.example.com/web:prod-v1.0",
        ],
    ),
    (
        "drop-in update-deployment",
        &[
            "promote drop-in update-deployment --gitops-repo-url=https://git.example.com/acme/web-gitops.git --image=registry.example.com/web:v1.0",
        ],
    ),
    (
        "completions",
        &["promote completions bash > ~/.local/share/bash-completion/completions/promote"],
    ),
    ("man", &["promote man --dir=/usr/local/share/man/man1"]),
    (
        "help",
        &["promote help exit-codes", "promote help trust verify"],
    ),
];

/// Returns the examples of a command; none for one that only has commands below it.
pub(crate) fn examples(path: &str) -> &'static [&'static str] {
    let mut all = EXAMPLES.iter();
    all.find(|(of, _)| *of == path)
        .map_or(&[], |(_, lines)| lines)
}

#[cfg(test)]
mod tests;
