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
# title: The vulnerability scan can be read
# description: A scan in an unknown format, or with an entry that lacks its name or severity, would look like one that found nothing.
# custom:
#   short_name: readable
#   solution: Attest the report of Trivy or Grype as they write it, or teach this policy the format.
deny contains result if {
	some result_of_scan in results
	not is_readable(result_of_scan)
	result := {
		"code": "cve.readable",
		"msg": "an attested vulnerability scan is in no format that this policy reads",
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
	finding.fix != ""
	result := {
		"code": "cve.fixable",
		"term": finding.id,
		"msg": sprintf("%s (%s) in %s is mended in %s", [finding.id, finding.severity, finding.package, finding.fix]),
	}
}

# METADATA
# title: Serious vulnerabilities without a fix
# description: A critical or high vulnerability for which there is no fix yet is worth knowing.
# custom:
#   short_name: unfixed
warn contains result if {
	some finding in serious
	finding.fix == ""
	result := {
		"code": "cve.unfixed",
		"term": finding.id,
		"msg": sprintf("%s (%s) in %s has no fix yet", [finding.id, finding.severity, finding.package]),
	}
}

scans := attested.predicates(["https://cosign.sigstore.dev/attestation/vuln/v1"])

refused := attested.setting("refused_severities", ["critical", "high"])

# What each scanner wrote, whatever that is.
results := [object.get(scan, ["scanner", "result"], null) | some scan in scans]

serious contains finding if {
	some result in results
	some [format, entry] in entries(result)
	finding := read(format, entry)
	finding.severity in refused
}

is_readable(result) if {
	every pair in entries(result) {
		read(pair[0], pair[1])
	}
}

# The entries of a report with the name of its format; undefined for an unknown format.
entries(result) := [["plain", entry] | some entry in result.vulnerabilities] if {
	is_array(result.vulnerabilities)
} else := [["trivy", entry] |
	some target in object.get(result, "Results", [])
	some entry in object.get(target, "Vulnerabilities", [])
] if {
	is_number(result.SchemaVersion)
	is_array(object.get(result, "Results", []))
} else := [["grype", entry] | some entry in result.matches] if {
	is_array(result.matches)
}

# What matters of an entry; undefined when it lacks its name or severity.
read("plain", entry) := {
	"id": entry.id,
	"severity": lower(entry.severity),
	"package": object.get(entry, ["package", "name"], "an unknown package"),
	"fix": object.get(entry, "fixedVersion", ""),
}

read("trivy", entry) := {
	"id": entry.VulnerabilityID,
	"severity": lower(entry.Severity),
	"package": object.get(entry, "PkgName", "an unknown package"),
	"fix": object.get(entry, "FixedVersion", ""),
}

read("grype", entry) := {
	"id": entry.vulnerability.id,
	"severity": lower(entry.vulnerability.severity),
	"package": object.get(entry, ["artifact", "name"], "an unknown package"),
	"fix": concat(", ", object.get(entry, ["vulnerability", "fix", "versions"], [])),
}
