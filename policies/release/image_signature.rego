# METADATA
# title: Image signature
# description: The image itself is signed, not only what is said about it.
package image_signature

import rego.v1

# METADATA
# title: The image is signed
# description: At least one signature of the image was verified by the key or identity of the run.
# custom:
#   short_name: signed
#   solution: Sign the image with the key that the organisation trusts.
deny contains result if {
	count(object.get(input.image, "signatures", [])) == 0
	result := {
		"code": "image_signature.signed",
		"msg": "the image has no verified signature",
	}
}
