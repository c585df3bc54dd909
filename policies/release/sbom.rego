# METADATA
# title: Software bill of materials
# description: It is known what is inside the image.
package sbom

import rego.v1

import data.attested

# METADATA
# title: An SBOM is attested
# description: There is an attested SBOM, in SPDX or CycloneDX, that lists at least one component.
# custom:
#   short_name: found
#   solution: Attest the SBOM with the image, as cosign attest --type spdxjson does.
deny contains result if {
	count(components) == 0
	result := {
		"code": "sbom.found",
		"msg": "no SBOM with at least one component is attested",
	}
}

components contains name if {
	some document in attested.predicates(["https://spdx.dev/Document"])
	some component in document.packages
	name := component.name
}

components contains name if {
	some document in attested.predicates(["https://cyclonedx.org/bom"])
	some component in document.components
	name := component.name
}
