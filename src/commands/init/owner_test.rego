# Run by `promote policy test policy`.
package owner_test

import rego.v1

import data.owner

image(labels) := {"image": {"config": {"Labels": labels}}}

test_an_image_with_the_label_passes if {
	count(owner.deny) == 0 with input as image({owner.label: "team web"})
}

test_an_image_without_it_is_refused if {
	some result in owner.deny with input as image({})
	result.code == "owner.labelled"
}

test_an_image_without_any_label_is_refused if {
	count(owner.deny) == 1 with input as {"image": {"config": {}}}
}
