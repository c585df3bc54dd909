# Builtins that are overridden, or that policies rely on; see README.md.
package oracle.builtins

sprintf_verbs := sprintf("%s|%d|%v|%q|%x|%5d|%-5d|%05d|%+d|%.2f|%t|%T", [1, "a", 1.5, 65, "hi", 3, 3, 3, 3, 2, true, 1])

sprintf_missing := sprintf("%s %d", [1])

sprintf_extra := sprintf("%s", ["a", 2, 1.5, {"x": 1}])

sprintf_floats := sprintf("%f %e %5.1f|%-8.2f|%08.3f|%.3e", [1.5, 1500.25, 2.25, 3.14159, 2.5, 12345.678])

sprintf_composites := sprintf("%s %q %v %v", [[1, "a", {"b": null}], {"x", 1}, {"k": [true]}, set()])

sprintf_escapes := sprintf("%%|%z|%q|%s", ["a", "tab\tnewline\n\"", "é"])

sprintf_order := sprintf("%[2]s %[1]s", ["a", "b"])

sprintf_star := sprintf("%*d", [5, 3])

sprintf_radix := sprintf("%x %X %o %b %c %U %#x", [255, 255, 8, 5, 65, 65, 255])

sprintf_width := sprintf("%10s|%-10s|%.2s|%3s", ["abc", "abc", "abc", "abcdef"])

sprintf_large := sprintf("%d", [100000000000000000000000])

remove_paths := json.remove({"a": {"b": 1, "c": 2}, "d": [1, 2, 3]}, ["/a/b", "d/1"])

remove_set := json.remove({"a": {"b": {"c": 1}}}, {"a/b/c", "/x~1y"})

remove_escaped := json.remove({"a/b": 1, "c~d": 2, "e": 3}, ["a~1b", "/c~0d"])

remove_missing := json.remove({"a": 1}, ["b/c", ["a", "x"]])

filter_paths := json.filter({"a": {"b": 1, "c": 2}, "d": [1, 2, 3]}, ["/a/b", "d/1"])

filter_arrays := json.filter({"a": [{"b": 1, "c": 2}]}, [["a", "0", "b"], "/x"])

filter_none := json.filter({"a": 1}, [])

# Their order is that of a map.
schema_errors := {error | some error in schema_answer[1]}

schema_answer := json.match_schema(
	{"a": 1, "b": "x", "e": "q", "l": [1, 1]},
	{
		"type": "object",
		"required": ["z"],
		"properties": {
			"a": {"type": "string"},
			"b": {"type": ["integer", "null"]},
			"e": {"enum": ["r", 1]},
			"l": {"minItems": 3},
		},
	},
)

schema_additional := json.match_schema({"a": 1, "b": 2}, {"properties": {"a": {}}, "additionalProperties": false})

schema_text := json.match_schema("{\"a\": 1}", {"type": "object"})

schema_no_json := json.match_schema("nojson", {"type": "object"})

schema_number := json.match_schema({"n": 3}, {"properties": {"n": {"minimum": 5}}})

schema_pattern := json.match_schema({"n": "a"}, {"properties": {"n": {"type": "string", "pattern": "^b$"}}})

schema_valid := json.verify_schema({"type": "object"})

schema_invalid := json.verify_schema({"type": "obj"})[0]

parsed := [x |
	some layout in ["2006-01-02T15:04:05Z07:00", "2006-01-02", "RFC3339", "Jan 2, 2006", "2006-01-02 15:04", "3:04PM 2 Jan 06"]
	some text in ["2023-1-01", "2023-01-01", "2023-01-01T00:00:00Z", "2023-01-01T00:00:00.5+02:00", "Feb 3, 2024", "2023-02-30", "2023-01-01 24:00", "3:07PM 9 Mar 21"]
	x := [layout, text, time.parse_ns(layout, text)]
]

parsed_rfc3339 := [x |
	some text in ["2023-01-01T00:00:00Z", "2023-01-01t00:00:00z", "2023-01-01 00:00:00Z", "2023-01-01T00:00:60Z", "2023-01-01T00:00:00.123+05:30", "2023-02-30T00:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01T00:00:00", "0001-01-01T00:00:00Z", "2023-01-01T00:00:00,5Z"]
	x := [text, time.parse_rfc3339_ns(text)]
]

dates := [x |
	some change in [[0, 1, 0], [1, 0, 0], [0, 0, 30], [0, -13, 0], [-1, 2, -3], [0, 0, 400]]
	x := time.add_date(1706659200000000000, change[0], change[1], change[2])
]

formatted := [
	time.format(1700000000123456789),
	time.format([0, "UTC", "RFC1123"]),
	time.format([1700000000123456789, "UTC", "Mon Jan _2 15:04:05.000 2006 PM Z07:00"]),
	time.format([1700000000000000000, "", "2006-01-02"]),
]

weekday := time.weekday(0)

versions := [semver.is_valid("v1.0.0"), semver.is_valid("1.0.0"), semver.is_valid("1.0"), semver.is_valid(1)]

compared := [semver.compare("1.0.0", "1.0.1"), semver.compare("1.0.0-rc1", "1.0.0")]

digest := crypto.sha256("promote")

merged := object.union_n([{"a": {"b": 1}}, {"a": {"c": 2}}])

reached := graph.reachable({"a": ["b"], "b": ["c"], "c": [], "d": []}, {"a"})

patched := json.patch({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}])

globs := [glob.match("a:*:c", [":"], "a:b:c"), glob.match("*.io/*", ["/"], "quay.io/x")]

regexes := [regex.match(`^a+$`, "aaa"), regex.split(`,\s*`, "a, b"), regex.find_n(`\d`, "a1b2", 1), regex.replace("abc", "b", "x")]

encoded := [base64.encode("a"), base64.decode("YQ=="), json.marshal({"a": [1, null]}), json.unmarshal("{\"b\": 1.5}")]

unmarshal_broken := json.unmarshal("{")

numbered := [to_number("1.5"), floor(1.7), round(2.5), numbers.range(3, 1), max([1, 3, 2]), sum({1, 2})]

divided_by_zero := 1 / input.zero

# Where the type is wrong, nothing else is said of the same schema.
schema_of_wrong_type := json.match_schema({"a": 1}, {"properties": {"a": {"type": "string", "enum": ["x", "y"]}}})

schema_of_wrong_type_in_one := json.match_schema({"b": 1}, {"properties": {"b": {"oneOf": [
	{"type": "string", "enum": ["x"]},
	{"type": "object", "minProperties": 3},
]}}})
