# METADATA
# title: Source
# description: The image was built from what was released.
package source

import rego.v1

import data.attested

# METADATA
# title: The image is built from the commit of the Git tag
# description: The provenance names the commit of the Git tag.
# custom:
#   short_name: commit
#   solution: Build the tagged commit, and promote the image of that build.
deny contains result if {
	not is_built_from_commit
	result := {
		"code": "source.commit",
		"msg": message,
	}
}

default message := "the image was given without its source commit, which a list of images names (promote gather-images)"

message := sprintf("no provenance is about commit %s", [commit])

# Undefined for an image without a commit, which is then refused.
is_built_from_commit if commit in built_from

commit := input.image.source.git.revision if input.image.source.git.revision != ""

built_from contains digest if {
	some predicate in attested.predicates([attested.slsa_v02])
	some material in predicate.materials
	digest := material.digest.sha1
}

built_from contains digest if {
	some predicate in attested.predicates([attested.slsa_v1])
	some dependency in predicate.buildDefinition.resolvedDependencies
	digest := dependency.digest.gitCommit
}

built_from contains digest if {
	some predicate in attested.predicates([attested.slsa_v1])
	some dependency in predicate.buildDefinition.resolvedDependencies
	digest := dependency.digest.sha1
}
