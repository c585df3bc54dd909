# Statements and rules in which random programs showed a difference once; see README.md.
package oracle.statements

# Objects that take a value apart match those alone that have the same members.
members_some := [x | some {"a": x} in [{"a": 1}, {"a": 2, "b": 3}]]

members_declared := x if {"k": x} := input.object

members_unified := [x | {"a": x} = [{"a": 1}, {"a": 2, "b": 3}][_]]

members_nested := [x | some [_, {"a": {"b": x}}] in [[0, {"a": {"b": 1}}], [0, {"a": {"b": 2, "c": 3}}]]]

members_fixed := [x | some {"a": x, "b": "y"} in [{"a": 1, "b": "y"}, {"a": 2, "b": "z"}]]

members_twice := [x | some {"a": x, "b": x} in [{"a": 1, "b": 1}, {"a": 1, "b": 2}]]

members_walked := [x | walk([{"b": 1}, {"b": 2, "c": 3}], [_, {"b": x}])]

one_member({"a": x}) := x

members_argument := one_member({"a": 1})

members_argument_more := [x | some y in [input.object, {"a": 2}]; x := one_member(y)]

no_members({}) := "none" if input.zero == 0 else := "else"

members_argument_none := [x | some y in [{}, input.object]; x := no_members(y)]

# Operands of the wrong kind.
plus_text := input.text + 1

plus_text_negated if not input.text + 1 == 2

minus_kinds := input.list - {1}

union_kinds := {1} | input.list

remainder_fraction := 7.5 % (input.zero + 2)

divided_by_zero := 1 / input.zero

operators_mixed := ((input.zero + 2) * 3 - 1) % 4

# Elements of what is missing.
member_of_missing := x if x := 1 in input.missing

member_missing := x if x := input.missing in [1]

member_at_missing if "nokey", input.missing in {"a": 1}

member_at_missing_negated if not "nokey", input.missing in {"a": 1}

member_head contains (1 in input.list) if true

# Names that are bound.
walked_index contains x if {
	walk([input.zero, 9], [_, x])
	not input.list[x]
}

every_index if {
	every x in [7, 8] { not input.list[x] }
}

every_key_index if {
	every k, x in {"z": 7} {
		not input.object[k]
		not input.list[x]
	}
}

copied_index contains z if {
	some x in [0, 5]
	z := x
	input.list[z]
}

copied_list contains z if {
	d := input.list
	c := d
	some z in c
	input.list[z] == 3
}

declared_after_loop contains [a, b] if {
	some i
	a := input.list[i]
	some j
	b := input.list[j]
	a < b
}

shadowed_inside := [y | some x in [1, 2]; y := [x | some x in [3]][0] + x]

shadowed_later := [x | y := [x | some x in [3]]; some x in y]

shadowed_around := [x | x := [x | some x in input.list; x > 1]][0]

not_list_of_missing if not [input.missing]

not_object_of_missing if not {"a": input.missing}

# What rules give.
undefined_for_one contains x.a if some x in [{"a": 1}, {"b": 2}, {"a": 3}]

undefined_for_last := x.a if some x in [{"a": 1}, {"b": 2}]

undefined_for_first := x.a if some x in [{"b": 2}, {"a": 1}]

function_for_last(list) := x.a if some x in list

undefined_in_function := function_for_last([{"a": 1}, {"b": 2}])

undefined_without_body := [{"a": 1}, {"b": 2}][_].a

tag(i) := [{"tag": "a"}, {"tag": "a"}, {}][i].tag

undefined_for_last_member := tag(i) if input.list[i] in [1, 3]

copied_member contains z if {
	some x in [1]
	z := x
	input.list[z] in [2]
}

comprehension_in_head := [x | x = 1] if x := input.zero

keyed_empty[key] contains value if {
	some key, value in input.list
	value > 100
}

keyed_count := count(keyed_empty)

keyed_full[key] contains value if {
	some key, value in input.list
	value > 1
}

keyed_raw[`raw`] contains 1 if true

# Replacements that end with their statement.
with_in_some contains [x, input.zero] if some x in [1] with input.zero as 5

with_comprehension contains x if x := input.list[1] with input.zero as {y | some y in input.list}

# Lines.
bracket_on_new_line if {
	x := input.list
	(count(x) > 1)
	[1, 2, 3] == x
}

number_on_new_line := y if {
	x := input.list[2]
	y := x
	-1
}

number_at_once := [input.list[2] -1, input.list[2]-1, -1]

bracketed_body if (input.missing == 1)

bracketed_negation if not (input.missing == 1)

bracketed_replacement := x if x := input.zero with input.zero as (input.list[0] + 1)

text_first if "a" < input.text

# Functions.
subset_of_empty := [object.subset(input.list, []), object.subset({"a": [1]}, {"a": []}), object.subset([1, 2, 3], {3})]

subset_of_kinds := object.subset(input.object, input.list)

substrings := [substring("abc", 1, -1), substring("äbc", 1, 1), substring("abc", 5, 1)]

substring_fraction := substring("abc", 1, 1.5)

substring_negative := substring("abc", -1, 1)

schema_of_list := json.match_schema(input.list, {"type": "array", "items": {"type": "number"}})

schema_of_list_fails := [x.field | some x in json.match_schema(input.list, {"items": {"type": "string"}})[1]]

schema_of_scalar := json.match_schema(input.zero, {"type": "number"})

schema_refused := [json.verify_schema(x)[0] | some x in ["1", "x", {"type": "string"}, {"type": "x"}]]

schema_reasons := [json.verify_schema(x)[1] | some x in ["1", "x", "[]"]]

base64url_decoded := {x: base64url.decode(x) | some x in ["YWJj", "YWI=", "YWI", "UTC", "YQ=", "Y", "%%"]}

base64_valid := [base64.is_valid(x) | some x in ["YWI=", "YWI", "%"]]

valid_of_kinds := [[base64.is_valid(x), json.is_valid(x)] | some x in [input.list, input.nothing, input.text, "1", "[1"]]

dates_too_far := [x | some n in [10000000000, -10000000000]; x := time.add_date(input.zero, 0, 0, n)]
