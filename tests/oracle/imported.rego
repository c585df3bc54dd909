# What language.rego imports.
# METADATA
# title: package of the imported rules
package oracle.imported

value := "imported"

double(x) := x * 2

now := time.now_ns()

from_input := input.text

below.value := 1

table := {"x": 1, "y": 2}
