# METADATA
# title: Ownership
# description: Every image in production has an owner.
package owner

import rego.v1

# The label that names the owner.
label := "org.opencontainers.image.vendor"

# METADATA
# title: The image names its owner
# description: The label tells whom to ask about an image.
# custom:
#   short_name: labelled
#   solution: Set the label in the Containerfile and build the image again.
deny contains result if {
	not input.image.config.Labels[label]
	result := {
		"code": "owner.labelled",
		"msg": sprintf("the image has no label %s", [label]),
	}
}
