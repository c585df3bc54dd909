# METADATA
# title: Vulnerabilities
# description: What a scanner found, and whether it could have been mended.
package cve

import rego.v1

import data.attested

# METADATA
# title: A vulnerability scan is attested
# description: Without a scan, that nothing was found means nothing.
# custom:
#   short_name: scanned
#   solution: Attest the scan with the image, as cosign attest --type vuln does.
deny contains result if {
	count(scans) == 0
	result := {
		"code": "cve.scanned",
		"msg": "no vulnerability scan is attested",
	}
}

# METADATA
# title: No serious vulnerability that has a fix
# description: A critical or high vulnerability must not go to production when a version without it exists.
# custom:
#   short_name: fixable
#   solution: Update the package to the fixed version and build again.
deny contains result if {
	some finding in serious
	fix := object.get(finding, "fixedVersion", "")
	fix != ""
	result := {
		"code": "cve.fixable",
		"term": finding.id,
		"msg": sprintf("%s (%s) in %s is mended in %s", [finding.id, lower(finding.severity), package_of(finding), fix]),
	}
}

# METADATA
# title: Serious vulnerabilities without a fix
# description: A critical or high vulnerability for which there is no fix yet is worth knowing.
# custom:
#   short_name: unfixed
warn contains result if {
	some finding in serious
	object.get(finding, "fixedVersion", "") == ""
	result := {
		"code": "cve.unfixed",
		"term": finding.id,
		"msg": sprintf("%s (%s) in %s has no fix yet", [finding.id, lower(finding.severity), package_of(finding)]),
	}
}

scans := attested.predicates(["https://cosign.sigstore.dev/attestation/vuln/v1"])

refused := attested.setting("refused_severities", ["critical", "high"])

serious contains finding if {
	some scan in scans
	some finding in scan.scanner.result.vulnerabilities
	lower(finding.severity) in refused
}

package_of(finding) := object.get(finding, ["package", "name"], "an unknown package")
