# Rules whose values Open Policy Agent gave; see README.md.
package oracle.language

import data.oracle.imported as alias
import input.object as shadowed

# Negation: operands of calls are evaluated outside of it.
not_call_of_missing if not startswith(input.missing, "a")

not_call_of_present if not startswith(input.text, "zzz")

not_nested_call if not count(object.get(input, "list", [])) == 7

not_nested_missing if not count(input.missing.list) == 7

not_reference if not input.missing

not_equal_references if not input.missing == input.other

not_less if not input.missing < 3

not_unequal if not input.missing != 3

not_member if not "x" in input.missing

not_member_present if not "x" in input.list

not_in_array if not [input.missing] == [1]

not_user_function if not is_big(input.missing)

not_user_function_present if not is_big(1)

not_comprehension if not [x | x := input.missing[_]] == [1]

not_with if not startswith(input.missing, "a") with input.missing as "b"

not_index if not input.object[input.missing]

not_in_comprehension := [x | some x in input.list; not startswith(sprintf("%d", [x]), "1")]

not_bare_missing if not lower(input.missing) == "x"

is_big(x) if x > 10

# Collections.
some_in_text := [x | some x in input.text]

some_in_null := [x | some x in input.nothing]

some_in_number := [x | some x in input.zero]

some_in_missing := [x | some x in input.missing]

some_in_list := [x | some x in input.list]

some_key_value := {k: v | some k, v in input.object}

some_pattern := [b | some {"a": b} in [{"a": 1}, {"a": 2}]]

every_in_number if {
	some number in input.list
	every x in number { x > 1 }
}

every_in_list if {
	every x in input.list { x > 0 }
}

every_in_empty if {
	every x in [] { x > 1 }
}

member_of_missing if 1 in input.missing

# Walks.
walk_value := {p | [p, v] := walk(input.object)[_]; v == "v"}

walk_some := {v | some [_, v] in walk(input.deep); is_number(v)}

walk_relation := {v | walk(input.deep, [_, v]); is_number(v)}

walk_assigned := {p | [p, _] = walk(input.deep)}

# Names.
import_of_package := alias.value

import_of_input := shadowed.k

import_function := alias.double(4)

local_like_import := [alias | some alias in input.list]

local_like_rule := [is_local | some is_local in input.list]

is_local := "rule"

output_argument := x if alias.double(3, x)

nested_shadow := [y | some x in input.list; y := [is_local | some is_local in [x]][0]]

object_like_import := {"alias": alias.value, "k": shadowed}

# Replacements.
with_input := x if x := alias.from_input with input.text as "other"

with_data := x if x := alias.value with data.oracle.imported.value as input.text

with_rule := x if x := is_local with is_local as input.text

with_function := x if x := alias.double(2) with data.oracle.imported.double as triple

triple(x) := x * 3

with_builtin := x if x := alias.now with time.now_ns as 7

with_same_value := x if x := input.text with input.text as concat("", [input.text, "!"])

# Rules.
partial[k] := v if some k, v in input.object

grouped[kind][size] contains x if {
	some x in input.list
	kind := ["odd", "even"][(x + 1) % 2]
	size := x
}

chosen := "a" if {
	input.missing
} else := "b" if {
	not input.missing
} else := "c"

default fallback := 5

fallback := input.missing

default doubled(_) := 0

doubled(x) := x * 2 if x > 0

defaults := [doubled(2), doubled(-1)]

contained contains upper(x) if some x in ["a", "b"]

raw := `a "raw" \n text`

numbers_joined := sprintf("%v", [numbers.range(1, 4)])

# METADATA
# title: own
# custom:
#   short_name: own_name
#   effective_on: 2025-07-01
#   quoted: "2025-07-01"
metadata_chain := rego.metadata.chain()

# METADATA
# title: only
metadata_rule := rego.metadata.rule()

metadata_none := rego.metadata.rule()
