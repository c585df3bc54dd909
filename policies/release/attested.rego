# What several rules need to know of the attestations.
package attested

import rego.v1

slsa_v02 := "https://slsa.dev/provenance/v0.2"

slsa_v1 := "https://slsa.dev/provenance/v1"

# Every verified statement about the image.
statements := [attestation.statement | some attestation in input.attestations]

# The predicates of one of the types, which may be written with their version.
predicates(types) := [statement.predicate |
	some statement in statements
	some type in types
	is_of(statement.predicateType, type)
]

is_of(given, type) if given == type

is_of(given, type) if startswith(given, concat("", [type, "/v"]))

# A setting of the configuration, or what holds without one.
setting(name, default_value) := object.get(configured, name, default_value)

default configured := {}

configured := data.rule_data__configuration__
