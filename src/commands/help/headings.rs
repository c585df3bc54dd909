//! The subjects under which a command's help lists its options.

use clap::Command;

/// A heading and the options under it.
type Heading = (&'static str, &'static [&'static str]);

const WEAKER: &str = "Options that weaken a check";
const SIGNERS: Heading = (
    "Trust",
    &[
        "public-key",
        "key",
        "certificate-identity",
        "certificate-identity-regexp",
        "certificate-oidc-issuer",
        "certificate-oidc-issuer-regexp",
        "rekor-url",
        "trusted-root",
        "tuf-mirror",
        "tuf-root",
        "tuf-root-checksum",
        "staging",
    ],
);
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

/// Options of any command that records a promotion.
const RECORD: Heading = (
    "Record",
    &[
        "statements",
        "layout",
        "level",
        "approval",
        "valid-for",
        "verifier-id",
        "policy-uri",
        "signing-key",
        "signing-key-password-file",
        "signing-key-dir",
        "fulcio-url",
        "identity-token-file",
        "tsa-url",
        "pipeline-run",
        "task-run",
        "trace-id",
    ],
);

const EVENT: Heading = ("Event", &["ref", "event-file", "repo"]);
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
    ("Output", &["destination-tag", "images-out"]),
];
const VERIFY_EC: &[Heading] = &[
    ("Images", &["images", "images-digest", "image"]),
    (
        "Policy",
        &[
            "policy",
            "policy-input",
            "policy-hosts",
            "extra-rule-data",
            "effective-time",
            "filter-type",
            "require-source",
            "require-promotion",
            "min-age",
            "strict",
            "workers",
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
            "file",
            "path",
            "kustomize",
            "helm-values",
            "key",
            "setter",
            "setter-namespace",
            "document",
            "all",
            "create",
            "adopt",
            "auto",
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
];
const RUN: &[Heading] = &[
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
    ("Run", &["config", "set", "dry-run", "out"]),
];

fn table(path: &str) -> &'static [Heading] {
    match path {
        "extract-tag" => EXTRACT_TAG,
        "gather-images" => GATHER_IMAGES,
        "verify-ec" => VERIFY_EC,
        "copy-image" => COPY_IMAGE,
        "update-deployment" => UPDATE_DEPLOYMENT,
        "run" | "doctor" => RUN,
        _ => &[EVENT],
    }
}

/// Sets the heading of each option; one that no table names is under "Options".
pub(super) fn apply(command: Command, path: &str) -> Command {
    let own = table(path);
    command.mut_args(|argument| {
        if argument.is_global_set() || argument.is_positional() {
            return argument;
        }
        let long = argument.get_long().unwrap_or_default().to_owned();
        // The command's own table comes before the common one: `--key` is a path in some.
        let all = own.iter().chain([&WEAKENING, &SIGNERS, &RECORD]);
        let mut headings = all.filter(|(_, flags)| flags.contains(&long.as_str()));
        let heading = headings.next().map(|(heading, _)| *heading);
        argument.help_heading(heading)
    })
}

#[cfg(test)]
mod tests;
