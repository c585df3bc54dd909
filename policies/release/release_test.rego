package release_test

import rego.v1

import data.cve
import data.image_signature
import data.provenance
import data.sbom
import data.source

commit := "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"

statement(type, predicate) := {"statement": {"predicateType": type, "predicate": predicate}}

built := statement("https://slsa.dev/provenance/v0.2", {
	"builder": {"id": "https://tekton.dev/chains/v2"},
	"materials": [{"uri": "git+https://git.example.com/web", "digest": {"sha1": commit}}],
})

built_v1 := statement("https://slsa.dev/provenance/v1", {
	"runDetails": {"builder": {"id": "https://tekton.dev/chains/v2"}},
	"buildDefinition": {"resolvedDependencies": [{"digest": {"gitCommit": commit}}]},
})

documented := statement("https://spdx.dev/Document", {"packages": [{"name": "zlib"}]})

scanned(findings) := statement(
	"https://cosign.sigstore.dev/attestation/vuln/v1",
	{"scanner": {"result": {"vulnerabilities": findings}}},
)

with_statements(statements) := {
	"attestations": statements,
	"image": {
		"signatures": [{"keyid": "", "sig": "MEQ="}],
		"source": {"git": {"url": "https://git.example.com/web", "revision": commit}},
	},
}

good := with_statements([built, documented, scanned([])])

codes(results) := {result.code | some result in results}

test_an_honest_image_passes if {
	count(image_signature.deny) == 0 with input as good
	count(provenance.deny) == 0 with input as good
	count(source.deny) == 0 with input as good
	count(sbom.deny) == 0 with input as good
	count(cve.deny) == 0 with input as good
}

test_slsa_v1_counts_too if {
	image := with_statements([built_v1])
	count(provenance.deny) == 0 with input as image
	count(source.deny) == 0 with input as image
}

test_nothing_attested_passes_nothing if {
	bare := {"attestations": [], "image": {"source": {}}}
	codes(image_signature.deny) == {"image_signature.signed"} with input as bare
	codes(provenance.deny) == {"provenance.found"} with input as bare
	codes(source.deny) == {"source.commit"} with input as bare
	codes(sbom.deny) == {"sbom.found"} with input as bare
	codes(cve.deny) == {"cve.scanned"} with input as bare
}

test_another_commit_is_refused if {
	other := object.union(good, {"image": {"source": {"git": {"revision": "0000000000000000000000000000000000000000"}}}})
	codes(source.deny) == {"source.commit"} with input as other
}

test_another_builder_is_refused if {
	codes(provenance.deny) == {"provenance.trusted_builder"} with input as good
		with data.rule_data__configuration__ as {"trusted_builders": ["https://builder.example.com"]}
}

test_an_empty_sbom_is_none if {
	empty := with_statements([built, statement("https://spdx.dev/Document", {"packages": []})])
	codes(sbom.deny) == {"sbom.found"} with input as empty
}

finding(severity, fix) := {"id": "CVE-2026-0001", "severity": severity, "fixedVersion": fix, "package": {"name": "zlib"}}

test_a_serious_vulnerability_with_a_fix_is_refused if {
	some severity in ["CRITICAL", "HIGH", "high"]
	image := with_statements([scanned([finding(severity, "1.3.2")])])
	codes(cve.deny) == {"cve.fixable"} with input as image
}

test_one_without_a_fix_is_a_warning if {
	image := with_statements([scanned([finding("CRITICAL", "")])])
	count(cve.deny) == 0 with input as image
	codes(cve.warn) == {"cve.unfixed"} with input as image
}

test_a_minor_one_is_no_matter if {
	image := with_statements([scanned([finding("LOW", "1.3.2")])])
	count(cve.deny) == 0 with input as image
	count(cve.warn) == 0 with input as image
}

scan_by(result) := with_statements([statement(
	"https://cosign.sigstore.dev/attestation/vuln/v1",
	{"scanner": {"result": result}},
)])

trivy(entries) := {"SchemaVersion": 2, "Results": [{"Target": "os", "Vulnerabilities": entries}, {"Target": "app"}]}

trivy_entry := {"VulnerabilityID": "CVE-2026-0001", "Severity": "CRITICAL", "PkgName": "zlib", "FixedVersion": "1.3.2"}

grype(entries) := {"matches": entries}

grype_entry := {
	"vulnerability": {"id": "CVE-2026-0001", "severity": "Critical", "fix": {"versions": ["1.3.2"], "state": "fixed"}},
	"artifact": {"name": "zlib"},
}

test_reports_of_trivy_and_grype_are_read if {
	some report in [trivy([trivy_entry]), grype([grype_entry])]
	results := cve.deny with input as scan_by(report)
	{result.msg | some result in results} == {"CVE-2026-0001 (critical) in zlib is mended in 1.3.2"}
}

test_reports_without_findings_pass if {
	every report in [trivy([]), {"SchemaVersion": 2}, grype([]), {"vulnerabilities": []}] {
		count(cve.deny) == 0 with input as scan_by(report)
	}
}

test_findings_without_a_fix_in_other_formats_are_warnings if {
	unfixed := [
		trivy([object.remove(trivy_entry, ["FixedVersion"])]),
		grype([json.remove(grype_entry, ["vulnerability/fix"])]),
	]
	every report in unfixed {
		count(cve.deny) == 0 with input as scan_by(report)
		codes(cve.warn) == {"cve.unfixed"} with input as scan_by(report)
	}
}

test_a_report_that_cannot_be_read_is_refused if {
	unreadable := [
		null,
		"text",
		{},
		{"vulnerabilities": null},
		{"vulnerabilities": ["CVE-2026-0001"]},
		{"vulnerabilities": [{"id": "CVE-2026-0001"}]},
		{"SchemaVersion": 2, "Results": "none"},
		trivy([object.remove(trivy_entry, ["Severity"])]),
		grype([json.remove(grype_entry, ["vulnerability/id"])]),
	]
	every report in unreadable {
		codes(cve.deny) == {"cve.readable"} with input as scan_by(report)
	}
}

test_a_scan_without_a_result_is_refused if {
	bare := with_statements([statement("https://cosign.sigstore.dev/attestation/vuln/v1", {})])
	codes(cve.deny) == {"cve.readable"} with input as bare
}

test_types_may_name_their_version if {
	every type in ["https://spdx.dev/Document/v2.3", "https://spdx.dev/Document"] {
		image := with_statements([statement(type, {"packages": [{"name": "zlib"}]})])
		count(sbom.deny) == 0 with input as image
	}
	image := with_statements([statement("https://cyclonedx.org/bom/v1.5", {"components": [{"name": "zlib"}]})])
	count(sbom.deny) == 0 with input as image
	other := with_statements([statement("https://spdx.dev/Documents", {"packages": [{"name": "zlib"}]})])
	codes(sbom.deny) == {"sbom.found"} with input as other
}
