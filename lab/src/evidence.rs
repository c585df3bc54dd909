//! Statements that a build attests beside its provenance: what is inside and what was found in it.

use serde_json::{Value, json};

use crate::signer::{self, Image};

/// The predicate type of an SPDX document.
pub const SPDX: &str = "https://spdx.dev/Document";
/// The predicate type of a vulnerability scan as `cosign attest --type vuln` writes it.
pub const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// A vulnerability that a scanner found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub id: &'static str,
    pub severity: &'static str,
    /// The version that mends it; empty when there is none.
    pub fixed_version: &'static str,
}

/// SLSA provenance v0.2 of a build whose tasks tested and scanned the image.
#[must_use]
pub fn provenance(image: &Image, source: &str, commit: &str, findings: &[Finding]) -> Value {
    let mut statement = signer::provenance(image, source, commit);
    let count = |severity: &str| findings.iter().filter(|f| f.severity == severity).count();
    let counts = json!({"vulnerabilities": {
        "critical": count("CRITICAL"), "high": count("HIGH"),
        "medium": count("MEDIUM"), "low": count("LOW"), "unknown": 0,
    }});
    let test = json!({
        "result": "SUCCESS", "timestamp": "2026-01-02T03:03:00Z", "note": "all tests passed",
        "successes": 12, "failures": 0, "warnings": 0,
    });
    statement["predicate"]["buildConfig"]["tasks"] = json!([
        task("git-clone", &[("commit", commit), ("url", source)]),
        task("buildah", &[("IMAGE_DIGEST", &image.digest)]),
        task("unit-tests", &[("TEST_OUTPUT", &test.to_string())]),
        task("clair-scan", &[("SCAN_OUTPUT", &counts.to_string())]),
    ]);
    statement
}

fn task(name: &str, results: &[(&str, &str)]) -> Value {
    let results: Vec<_> = results
        .iter()
        .map(|(name, value)| json!({"name": name, "type": "string", "value": value}))
        .collect();
    json!({
        "name": name,
        "ref": {"name": name, "kind": "Task"},
        "status": "Succeeded",
        "startedOn": "2026-01-02T03:00:00Z", "finishedOn": "2026-01-02T03:04:00Z",
        "invocation": {"parameters": {}, "environment": {"labels": {}}},
        "results": results,
    })
}

/// An SPDX 2.3 document about the image.
#[must_use]
pub fn sbom(image: &Image) -> Value {
    let package = |name: &str, version: &str, purl: String| {
        json!({
            "SPDXID": format!("SPDXRef-{name}"), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "MIT",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
        })
    };
    let name = image.repository.rsplit('/').next().unwrap_or_default();
    let predicate = json!({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": name, "documentNamespace": format!("https://example.com/sbom/{}", image.digest),
        "creationInfo": {"created": "2026-01-02T03:04:00Z", "creators": ["Tool: lab"]},
        "packages": [
            package(name, "1.0", format!("pkg:oci/{name}@{}", image.digest.replace(':', "%3A"))),
            package("zlib", "1.3.1", "pkg:generic/zlib@1.3.1".to_owned()),
        ],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": format!("SPDXRef-{name}")}],
    });
    signer::statement(image, SPDX, &predicate)
}

/// The result of a vulnerability scan.
#[must_use]
pub fn scan(image: &Image, findings: &[Finding]) -> Value {
    let found = findings.iter().map(|finding| {
        json!({
            "id": finding.id, "severity": finding.severity, "fixedVersion": finding.fixed_version,
            "package": {"name": "zlib", "version": "1.3.1", "purl": "pkg:generic/zlib@1.3.1"},
        })
    });
    let predicate = json!({
        "invocation": {"parameters": [], "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": "https://example.com/scanner", "version": "1.0",
            "db": {"uri": "https://example.com/db", "version": "2026-01-02"},
            "result": {"vulnerabilities": found.collect::<Vec<_>>()},
        },
        "metadata": {"scanStartedOn": "2026-01-02T03:01:00Z", "scanFinishedOn": "2026-01-02T03:02:00Z"},
    });
    signer::statement(image, SCAN, &predicate)
}
