# METADATA
# title: Provenance
# description: It is known who built the image.
package provenance

import rego.v1

import data.attested

# METADATA
# title: There is SLSA provenance
# description: The builder says how the image was built (SLSA provenance v0.2 or v1).
# custom:
#   short_name: found
#   solution: Let Tekton Chains or the builder of your choice attest provenance.
deny contains result if {
	count(builders) == 0
	result := {
		"code": "provenance.found",
		"msg": "no SLSA provenance is attested",
	}
}

# METADATA
# title: The builder is trusted
# description: The provenance is by one of the builders that the organisation trusts.
# custom:
#   short_name: trusted_builder
#   solution: Build with a trusted builder, or add it to trusted_builders.
deny contains result if {
	some builder in builders
	not builder in trusted
	result := {
		"code": "provenance.trusted_builder",
		"term": builder,
		"msg": sprintf("builder %s is not trusted", [builder]),
	}
}

trusted := attested.setting("trusted_builders", ["https://tekton.dev/chains/v2"])

builders contains builder if {
	some predicate in attested.predicates([attested.slsa_v02])
	builder := object.get(predicate, ["builder", "id"], "without a name")
}

builders contains builder if {
	some predicate in attested.predicates([attested.slsa_v1])
	builder := object.get(predicate, ["runDetails", "builder", "id"], "without a name")
}
