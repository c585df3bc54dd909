//! Shapes of documents that Go programs decode into structs, with the members of these structs.
//!
//! Sources: OCI image specification 1.1 (`specs-go`), Docker's image configuration, DSSE, in-toto
//! attestation framework, cosign's simple signing, Sigstore's bundle, Konflux's Snapshot.

use super::Shape::{self, Any, Flag, List, Map, Object, Text, Whole};

const PLATFORM: Shape = Object(&[
    ("architecture", Text),
    ("os", Text),
    ("os.version", Text),
    ("os.features", List(&Text)),
    ("variant", Text),
    ("features", List(&Text)),
]);

pub(crate) const DESCRIPTOR: Shape = Object(&[
    ("mediaType", Text),
    ("digest", Text),
    ("size", Whole),
    ("urls", List(&Text)),
    ("annotations", Map(&Text)),
    ("data", Text),
    ("platform", PLATFORM),
    ("artifactType", Text),
]);

/// Image manifests, indexes, artifact manifests and the remaining members of Docker's schema 1 in one shape:
/// readers of each kind must find the same members in a document.
pub(crate) const MANIFEST: Shape = Object(&[
    ("schemaVersion", Whole),
    ("mediaType", Text),
    ("artifactType", Text),
    ("config", DESCRIPTOR),
    ("layers", List(&DESCRIPTOR)),
    ("manifests", List(&DESCRIPTOR)),
    ("subject", DESCRIPTOR),
    ("annotations", Map(&Text)),
    ("blobs", List(&DESCRIPTOR)),
    ("fsLayers", Any),
    ("history", Any),
    ("signatures", Any),
]);

/// A list of referrers, whose entries are checked one by one.
pub(crate) const REFERRERS: Shape = Object(&[
    ("schemaVersion", Whole),
    ("mediaType", Text),
    ("artifactType", Text),
    ("config", Any),
    ("layers", Any),
    ("manifests", List(&Any)),
    ("subject", Any),
    ("annotations", Any),
]);

const CONTAINER_CONFIG: Shape = Object(&[
    ("User", Text),
    ("ExposedPorts", Map(&Any)),
    ("Env", List(&Text)),
    ("Entrypoint", List(&Text)),
    ("Cmd", List(&Text)),
    ("Volumes", Map(&Any)),
    ("WorkingDir", Text),
    ("Labels", Map(&Text)),
    ("StopSignal", Text),
    ("ArgsEscaped", Flag),
    ("Healthcheck", HEALTHCHECK),
    ("OnBuild", List(&Text)),
    ("Shell", List(&Text)),
    ("StopTimeout", Whole),
    ("Memory", Any),
    ("MemorySwap", Any),
    ("CpuShares", Any),
    ("Hostname", Text),
    ("Domainname", Text),
    ("Image", Text),
    ("MacAddress", Text),
    ("AttachStdin", Flag),
    ("AttachStdout", Flag),
    ("AttachStderr", Flag),
    ("Tty", Flag),
    ("OpenStdin", Flag),
    ("StdinOnce", Flag),
    ("NetworkDisabled", Flag),
]);

const HEALTHCHECK: Shape = Object(&[
    ("Test", List(&Text)),
    ("Interval", Whole),
    ("Timeout", Whole),
    ("StartPeriod", Whole),
    ("StartInterval", Whole),
    ("Retries", Whole),
]);

/// The configuration of an image, OCI's and Docker's.
pub(crate) const IMAGE_CONFIG: Shape = Object(&[
    ("created", Text),
    ("author", Text),
    ("architecture", Text),
    ("variant", Text),
    ("os", Text),
    ("os.version", Text),
    ("os.features", List(&Text)),
    ("config", CONTAINER_CONFIG),
    (
        "rootfs",
        Object(&[("type", Text), ("diff_ids", List(&Text))]),
    ),
    (
        "history",
        List(&Object(&[
            ("created", Text),
            ("created_by", Text),
            ("author", Text),
            ("comment", Text),
            ("empty_layer", Flag),
        ])),
    ),
    ("container", Text),
    ("container_config", CONTAINER_CONFIG),
    ("docker_version", Text),
    ("id", Text),
    ("parent", Text),
    ("comment", Text),
]);

const SIGNATURE: Shape = Object(&[("keyid", Text), ("sig", Text)]);

/// A DSSE envelope with its signatures.
pub(crate) const ENVELOPE: Shape = Object(&[
    ("payloadType", Text),
    ("payload", Text),
    ("signatures", List(&SIGNATURE)),
]);

const RESOURCE: Shape = Object(&[
    ("name", Text),
    ("uri", Text),
    ("digest", Map(&Text)),
    ("content", Text),
    ("downloadLocation", Text),
    ("mediaType", Text),
    ("annotations", Map(&Any)),
]);

/// An in-toto statement; its predicate is passed to the rules unchanged.
pub(crate) const STATEMENT: Shape = Object(&[
    ("_type", Text),
    ("predicateType", Text),
    ("subject", List(&RESOURCE)),
    ("predicate", Any),
]);

/// A simple-signing payload as cosign signs it.
pub(crate) const PAYLOAD: Shape = Object(&[
    (
        "critical",
        Object(&[
            ("identity", Object(&[("docker-reference", Text)])),
            ("image", Object(&[("docker-manifest-digest", Text)])),
            ("type", Text),
        ]),
    ),
    ("optional", Map(&Any)),
]);

const RAW: Shape = Object(&[("rawBytes", Text)]);

const LOG_ENTRY: Shape = Object(&[
    ("logIndex", Any),
    ("logId", Object(&[("keyId", Text)])),
    ("kindVersion", Object(&[("kind", Text), ("version", Text)])),
    ("integratedTime", Any),
    (
        "inclusionPromise",
        Object(&[("signedEntryTimestamp", Text)]),
    ),
    (
        "inclusionProof",
        Object(&[
            ("logIndex", Any),
            ("rootHash", Text),
            ("treeSize", Any),
            ("hashes", List(&Text)),
            ("checkpoint", Object(&[("envelope", Text)])),
        ]),
    ),
    ("canonicalizedBody", Text),
]);

/// A Sigstore bundle, up to version 0.3.
pub(crate) const BUNDLE: Shape = Object(&[
    ("mediaType", Text),
    (
        "verificationMaterial",
        Object(&[
            ("publicKey", Object(&[("hint", Text)])),
            (
                "x509CertificateChain",
                Object(&[("certificates", List(&RAW))]),
            ),
            ("certificate", RAW),
            ("tlogEntries", List(&LOG_ENTRY)),
            (
                "timestampVerificationData",
                Object(&[(
                    "rfc3161Timestamps",
                    List(&Object(&[("signedTimestamp", Text)])),
                )]),
            ),
        ]),
    ),
    (
        "messageSignature",
        Object(&[
            (
                "messageDigest",
                Object(&[("algorithm", Any), ("digest", Text)]),
            ),
            ("signature", Text),
        ]),
    ),
    ("dsseEnvelope", ENVELOPE),
]);

/// The spec of a Snapshot, as in `images.json`.
pub(crate) const SNAPSHOT: Shape = Object(&[
    ("application", Text),
    ("displayName", Text),
    ("displayDescription", Text),
    (
        "components",
        List(&Object(&[
            ("name", Text),
            ("containerImage", Text),
            (
                "source",
                Object(&[(
                    "git",
                    Object(&[
                        ("url", Text),
                        ("revision", Text),
                        ("context", Text),
                        ("dockerfileUrl", Text),
                        ("devfileUrl", Text),
                    ]),
                )]),
            ),
            ("version", Text),
        ])),
    ),
    ("artifacts", Any),
    (
        "promote",
        Object(&[
            ("version", Whole),
            ("gitTag", Text),
            ("commit", Text),
            ("destinationTag", Text),
            ("source", Object(&[("url", Text), ("commit", Text)])),
            (
                "components",
                Map(&Object(&[
                    ("tag", Text),
                    ("mediaType", Text),
                    ("platforms", List(&Text)),
                ])),
            ),
        ]),
    ),
]);

/// `verified.json`. Members that are not listed are refused or typed where it is decoded.
pub(crate) const VERIFIED: Shape = Object(&[
    ("policy", Object(&[("sources", List(&Text)), ("uri", Text)])),
    ("identity", Object(&[("subject", Text), ("issuer", Text)])),
    ("unchecked", List(&Text)),
    ("source", SOURCE_COMMIT),
    (
        "components",
        List(&Object(&[
            ("name", Text),
            ("version", Text),
            ("containerImage", Text),
            (
                "evidence",
                List(&Object(&[
                    ("kind", Text),
                    ("uri", Text),
                    ("digest", Text),
                    ("signer", Text),
                ])),
            ),
            (
                "attached",
                List(&Object(&[
                    ("kind", Text),
                    ("place", Text),
                    ("digest", Text),
                    ("layers", List(&Whole)),
                ])),
            ),
            ("opened", List(&Text)),
            (
                "unreadable",
                List(&Object(&[("fact", Text), ("reason", Text)])),
            ),
        ])),
    ),
]);

const SOURCE_COMMIT: Shape = Object(&[("url", Text), ("commit", Text)]);

/// `promoted.json`. Members that are not listed are refused or typed where it is decoded.
pub(crate) const PROMOTED: Shape = Object(&[
    ("promotedAt", Text),
    ("unchecked", List(&Text)),
    ("source", SOURCE_COMMIT),
    (
        "components",
        List(&Object(&[
            ("name", Text),
            ("version", Text),
            ("source", Text),
            ("destinations", List(&Text)),
            ("digest", Text),
            ("mediaType", Text),
            ("size", Whole),
            ("copied", Object(&[("blobs", Whole)])),
        ])),
    ),
]);

/// An object of the Kubernetes API: its identifying members, and a Secret's data.
pub(crate) const KUBERNETES: Shape = Object(&[
    ("apiVersion", Text),
    ("kind", Text),
    ("metadata", Object(&[("name", Text), ("namespace", Text)])),
    ("data", Map(&Text)),
    ("spec", Map(&Any)),
]);
