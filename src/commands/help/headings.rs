//! The subjects under which a command's help lists its options.

use clap::Command;

/// A heading and the options under it.
type Heading = (&'static str, &'static [&'static str]);

const WEAKER: &str = "Options that weaken a check";
const TRUST: &str = "Trust";
const SIGNERS: &[&str] = &[
    "public-key",
    "certificate-identity",
    "certificate-identity-regexp",
    "certificate-oidc-issuer",
    "certificate-oidc-issuer-regexp",
    "rekor-url",
    "trusted-root",
    "tuf-mirror",
    "tuf-root",
    "tuf-root-checksum",
];
/// The options of any command about trust; `key` and `staging` are those of `trust verify-bundle`.
const TRUSTED: [Heading; 3] = [(TRUST, &["key"]), (TRUST, SIGNERS), (TRUST, &["staging"])];
/// Options of any command that weaken a check.
const WEAKENING: Heading = (
    WEAKER,
    &[
        "allow-empty",
        "allow-empty-policy",
        "allow-unattested",
        "allow-past-effective-time",
        "allow-prerelease",
        "allow-draft",
        "allow-rollback",
        "allow-shared",
        "allow-unmapped",
        "allow-expiring",
        "allow-kinds",
        "allow-missing",
        "skip-image-sig-check",
        "skip-att-sig-check",
        "ignore-rekor",
        "insecure-ignore-sct",
        "overwrite-variable",
        "shared-base",
        "compat",
        "unverified",
    ],
);

/// Options of `attest` about the contents of its documents.
const RECORD_ABOUT: &[&str] = &[
    "environment",
    "verifier-id",
    "policy-uri",
    "level",
    "approval",
    "valid-for",
    "gitops-repo-url",
    "run-url",
    "pipeline-run",
    "task-run",
    "trace-id",
];

const CLUSTER: &str = "Cluster";
const EXTRACT_TAG: &[Heading] = &[
    ("Event", &["ref", "tag", "event-file", "repo"]),
    (
        "Destination tag",
        &[
            "template",
            "strip-prefix",
            "pattern",
            "semver",
            "on-invalid",
        ],
    ),
    ("Checks", &["git-url", "commit", "released-at"]),
    ("Output", &["output"]),
];
const GATHER_IMAGES: &[Heading] = &[
    ("Images", &["image", "snapshot", "overlay", "target-branch"]),
    ("Source", &["git-url", "revision", "commit"]),
    ("Lookup", &["strategy", "cross-check"]),
    (
        "Output",
        &[
            "destination-tag",
            "images-out",
            "images-artifact",
            "emit",
            "application",
        ],
    ),
    (CLUSTER, &["service-account"]),
];
const PLAN_RELEASE: &[Heading] = &[
    (
        "Release",
        &[
            "snapshot",
            "release",
            "release-plan",
            "release-plan-admission",
        ],
    ),
    (
        "Components to release",
        &["single-component", "previous-snapshot", "component-group"],
    ),
    ("Checks", &["check-rights"]),
    ("Output", &["images-out", "release-out"]),
    (CLUSTER, &["service-account"]),
];
const VERIFY_EC: &[Heading] = &[
    ("Images", &["images", "images-digest", "image"]),
    (
        "Policy",
        &[
            "policy",
            "extra-rule-data",
            "effective-time",
            "filter-type",
            "policy-hosts",
            "policy-input",
            "strict",
            "workers",
        ],
    ),
    (
        "Origin",
        &[
            "require-source",
            "require-promotion",
            "promotion-trust",
            "min-age",
        ],
    ),
    (
        "Report",
        &[
            "output",
            "info",
            "show-successes",
            "show-warnings",
            "show-policy-docs-link",
            "verified-out",
        ],
    ),
    ("Verification in parts", &["shard", "merge"]),
];
const COPY_IMAGE: &[Heading] = &[
    (
        "Source",
        &[
            "source",
            "verified",
            "verified-digest",
            "release",
            "release-digest",
            "promoted",
            "promoted-digest",
            "platform",
        ],
    ),
    (
        "Destination",
        &["destination", "to", "map", "tag", "immutable"],
    ),
    ("Artifacts to copy", &["attached", "with-reports", "deep"]),
    (
        "Transfer",
        &[
            "dry-run",
            "stage-only",
            "tags-only",
            "check-tags",
            "jobs",
            "retries",
        ],
    ),
];
const UPDATE_DEPLOYMENT: &[Heading] = &[
    (
        "Repository",
        &["gitops-repo-url", "local", "branch", "environment"],
    ),
    (
        "Images",
        &[
            "promoted",
            "promoted-digest",
            "image",
            "require-attestation",
        ],
    ),
    (
        "Where to edit",
        &[
            "auto",
            "kustomize",
            "file",
            "path",
            "helm-values",
            "key",
            "setter",
            "setter-namespace",
            "document",
            "all",
            "create",
            "adopt",
            "pin",
        ],
    ),
    (
        "Commit",
        &[
            "message",
            "author",
            "signoff",
            "run-url",
            "evidence",
            "sign-key",
            "sign-key-passphrase-file",
            "dry-run",
        ],
    ),
    (
        "Change request and status",
        &[
            "change-request",
            "forge",
            "forge-token-file",
            "label",
            "reviewer",
            "auto-merge",
            "wait",
            "commit-status",
        ],
    ),
    (
        "Following a floating tag",
        &[
            "follow",
            "min-age",
            "policy",
            "extra-rule-data",
            "require-source",
        ],
    ),
    ("Trust, with --follow", SIGNERS),
];
const ATTEST: &[Heading] = &[
    (
        "Files",
        &[
            "promoted",
            "promoted-digest",
            "verified",
            "verified-digest",
            "images",
            "report",
        ],
    ),
    ("Record", RECORD_ABOUT),
    (
        "Signing",
        &[
            "signing-key",
            "signing-key-password-file",
            "signing-key-dir",
            "fulcio-url",
            "identity-token-file",
            "rekor-url",
            "tsa-url",
        ],
    ),
    ("Output", &["statements", "layout", "out", "dry-run"]),
];
const RUN: &[Heading] = &[
    ("Run", &["config", "set", "dry-run", "out"]),
    ("Event", &["ref", "tag", "event-file"]),
    ("Images", &["image", "git-url"]),
    ("Policy", &["policy", "require-source"]),
    ("Copy", &["destination-tag", "to", "attached", "immutable"]),
    (
        "GitOps repository",
        &[
            "gitops-repo-url",
            "branch",
            "environment",
            "gitops-credentials-dir",
        ],
    ),
];

fn table(path: &str) -> &'static [Heading] {
    match path {
        "extract-tag" => EXTRACT_TAG,
        "gather-images" => GATHER_IMAGES,
        "verify-ec" => VERIFY_EC,
        "copy-image" => COPY_IMAGE,
        "update-deployment" => UPDATE_DEPLOYMENT,
        "run" | "doctor" => RUN,
        "attest" => ATTEST,
        "plan-release" => PLAN_RELEASE,
        _ => &[],
    }
}

/// Sets the heading of each option, in the order of the tables; options that no table names come
/// first, under "Options", and those that weaken a check last.
pub(super) fn apply(command: Command, path: &str) -> Command {
    // The command's own table comes before the common ones: `--key` is a path in some.
    let all = table(path).iter().chain(&TRUSTED).chain([&WEAKENING]);
    let places: Vec<_> = all
        .flat_map(|(heading, flags)| flags.iter().map(move |flag| (*heading, *flag)))
        .collect();
    let place = |long: &str| places.iter().position(|(_, flag)| *flag == long);
    let own = command.get_arguments();
    let own = own.filter(|argument| !argument.is_global_set() && !argument.is_positional());
    let mut own: Vec<_> = own
        .map(|argument| {
            let at = place(argument.get_long().unwrap_or_default());
            (at, argument.get_id().clone())
        })
        .collect();
    own.sort_by_key(|(at, _)| *at);
    let positional: Vec<_> = command
        .get_arguments()
        .filter(|argument| argument.is_positional())
        .map(|argument| argument.get_id().clone())
        .collect();
    let command = positional.into_iter().fold(command, |command, id| {
        command.mut_arg(id, |argument| argument.help_heading(None))
    });
    let own = own.into_iter().enumerate();
    own.fold(command, |command, (order, (at, id))| {
        let heading = at
            .and_then(|at| places.get(at))
            .map(|(heading, _)| *heading);
        // An argument that is changed moves to the end of the list.
        command.mut_arg(id, |argument| {
            argument.help_heading(heading).display_order(order)
        })
    })
}

#[cfg(test)]
mod tests;
