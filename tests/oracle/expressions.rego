# Calls and expressions, a rule each; see README.md. Those with a type error are not here: Open Policy Agent refuses them.
package oracle.expressions

sprintf_01 := [x | x := sprintf("%v", [true])]

sprintf_02 := [x | x := sprintf("%d", [1.0])]

sprintf_03 := [x | x := sprintf("%d", [1e3])]

sprintf_04 := [x | x := sprintf("%v", [1e3])]

sprintf_05 := [x | x := sprintf("%v", [1.0])]

sprintf_06 := [x | x := sprintf("%v", [0.1 + 0.2])]

sprintf_07 := [x | x := sprintf("%s", [null])]

sprintf_08 := [x | x := sprintf("%q", [["a\"b"]])]

sprintf_09 := [x | x := sprintf("%v", [{"b": 1, "a": [1, {"x"}]}])]

sprintf_10 := [x | x := sprintf("%-10q|", ["é"])]

sprintf_11 := [x | x := sprintf("%+q", ["é"])]

sprintf_12 := [x | x := sprintf("%#q", ["a`b"])]

sprintf_13 := [x | x := sprintf("%#q", ["ab"])]

sprintf_14 := [x | x := sprintf("%x", [1.5])]

sprintf_15 := [x | x := sprintf("%08b", [5])]

sprintf_16 := [x | x := sprintf("%+.3e", [12345.678])]

sprintf_17 := [x | x := sprintf("%g", [1e100])]

sprintf_18 := [x | x := sprintf("%G", [1e-7])]

sprintf_19 := [x | x := sprintf("%6.2f|%-8.3f|%+08.2f", [3.14159, 2.5, -1.5])]

sprintf_20 := [x | x := sprintf("%t", [true])]

sprintf_21 := [x | x := sprintf("%s", ["a", "b"])]

sprintf_22 := [x | x := sprintf("no verbs", [])]

sprintf_23 := [x | x := sprintf("%", [1])]

sprintf_24 := [x | x := sprintf("%!", [1])]

sprintf_25 := [x | x := sprintf("%[3]s", ["a", "b"])]

sprintf_26 := [x | x := sprintf("%[2]*[1]d", [5, 3])]

sprintf_27 := [x | x := sprintf("%.*f", [2, 3.14159])]

sprintf_28 := [x | x := sprintf("%v", [[]])]

sprintf_29 := [x | x := sprintf("%v", [{}])]

sprintf_30 := [x | x := sprintf("%v", [set()])]

sprintf_31 := [x | x := sprintf("%c%c", [128512, 65])]

sprintf_32 := [x | x := sprintf("%U", [128512])]

sprintf_33 := [x | x := sprintf("%#U", [128512])]

sprintf_34 := [x | x := sprintf("%v %v", [12345678901234567890, -5])]

sprintf_35 := [x | x := sprintf("%d", [12345678901234567890123])]

sprintf_36 := [x | x := sprintf("%5t|%-7t|", [true, false])]

sprintf_37 := [x | x := sprintf("%s", [1.5])]

sprintf_38 := [x | x := sprintf("%d", ["5"])]

sprintf_39 := [x | x := sprintf("%5s|%.1s|%5.1s", ["é", "éa", "日本"])]

sprintf_40 := [x | x := sprintf("%x|%X|% x|%#x", ["hello", "hello", "hello", "hello"])]

sprintf_41 := [x | x := sprintf("%o|%O|%#o", [8, 8, 8])]

sprintf_42 := [x | x := sprintf("%v", [9007199254740993])]

sprintf_43 := [x | x := sprintf("%v", [1e21])]

sprintf_44 := [x | x := sprintf("%v", [123456789.0])]

sprintf_45 := [x | x := sprintf("%v", [0.00001])]

sprintf_46 := [x | x := sprintf("%v", [100000000000000000000.0])]

sprintf_47 := [x | x := sprintf("%d%%", [50])]

time_parse_ns_01 := [x | x := time.parse_ns("2006-01-02", "2023-02-29")]

time_parse_ns_02 := [x | x := time.parse_ns("2006-01-02T15:04:05.000Z", "2023-02-28T01:02:03.456Z")]

time_parse_ns_03 := [x | x := time.parse_ns("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 28 Feb 2023 01:02:03 UTC")]

time_parse_ns_04 := [x | x := time.parse_ns("Monday, January 2 2006", "Tuesday, February 28 2023")]

time_parse_ns_05 := [x | x := time.parse_ns("RFC1123", "Tue, 28 Feb 2023 01:02:03 GMT")]

time_parse_ns_06 := [x | x := time.parse_ns("ANSIC", "Tue Feb 28 01:02:03 2023")]

time_parse_ns_07 := [x | x := time.parse_ns("Kitchen", "3:04PM")]

time_parse_ns_08 := [x | x := time.parse_ns("2006-002", "2023-059")]

time_parse_ns_09 := [x | x := time.parse_ns("06-1-2", "23-2-8")]

time_parse_ns_10 := [x | x := time.parse_ns("2006-01-02 15:04:05 -0700", "2023-02-28 01:02:03 +0530")]

time_parse_ns_11 := [x | x := time.parse_ns("2006-01-02T15:04:05Z07:00", "2263-01-01T00:00:00Z")]

time_parse_ns_12 := [x | x := time.parse_ns("2006-01-02T15:04:05Z07:00", "1600-01-01T00:00:00Z")]

time_parse_rfc3339_ns_01 := [x | x := time.parse_rfc3339_ns("2023-02-28T01:02:03.123456789123Z")]

time_parse_rfc3339_ns_02 := [x | x := time.parse_rfc3339_ns("2023-02-28T01:02:03+24:00")]

time_parse_rfc3339_ns_03 := [x | x := time.parse_rfc3339_ns("2023-02-28T01:02:03-00:00")]

time_parse_rfc3339_ns_04 := [x | x := time.parse_rfc3339_ns("2023-2-28T01:02:03Z")]

time_parse_rfc3339_ns_05 := [x | x := time.parse_rfc3339_ns("2300-01-01T00:00:00Z")]

time_parse_duration_ns_01 := [x | x := time.parse_duration_ns("1h30m")]

time_parse_duration_ns_02 := [x | x := time.parse_duration_ns("1.5s")]

time_parse_duration_ns_03 := [x | x := time.parse_duration_ns("1d")]

time_date_01 := [x | x := time.date(1700000000000000000)]

time_date_02 := [x | x := time.date([1700000000000000000, "America/New_York"])]

time_clock_01 := [x | x := time.clock(1700000000123456789)]

time_clock_02 := [x | x := time.clock([1700000000000000000, "Europe/Berlin"])]

time_diff_01 := [x | x := time.diff(1700000000000000000, 1690000000000000000)]

time_diff_02 := [x | x := time.diff([1700000000000000000, "Asia/Tokyo"], [1690000000000000000, "UTC"])]

time_weekday_01 := [x | x := time.weekday([1700000000000000000, "Asia/Tokyo"])]

time_format_01 := [x | x := time.format([1700000000000000000, "America/New_York"])]

time_format_02 := [x | x := time.format([1700000000000000000, "America/New_York", "2006-01-02 15:04:05 MST -07:00"])]

time_format_03 := [x | x := time.format([1700000000000000000, "Nowhere/City"])]

time_format_04 := [x | x := time.format([1700000000000000000, "UTC", "Jan 2 '06 at 3:04pm (MST)"])]

time_format_05 := [x | x := time.format([1700000000120000000, "UTC", "15:04:05.999 .00 __2 002"])]

time_format_06 := [x | x := time.format(-1)]

time_add_date_01 := [x | x := time.add_date(1677542400000000000, 0, 0, -60)]

time_add_date_02 := [x | x := time.add_date(1677542400000000000, 1000, 0, 0)]

time_add_date_03 := [x | x := time.add_date(1677542400000000000, 0, 1.5, 0)]

time_add_date_04 := [x | x := time.add_date(1582934400000000000, 1, 0, 0)]

json_filter_01 := [x | x := json.filter({"a": {"b": "c", "d": "e"}}, {"a/b"})]

json_filter_02 := [x | x := json.filter({"a": {"b": "c"}}, [["a"]])]

json_filter_03 := [x | x := json.filter({"a": [1, 2, 3]}, ["a/0", "a/2"])]

json_filter_04 := [x | x := json.filter({"a": [1, {"b": 2, "c": 3}]}, ["a/1/b"])]

json_filter_05 := [x | x := json.filter({"a": {"b": 1}}, ["a/x"])]

json_filter_06 := [x | x := json.filter({"a": {"b": 1}}, ["x"])]

json_filter_07 := [x | x := json.filter({"a": {"b": 1}}, ["a", "a/b"])]

json_filter_08 := [x | x := json.filter({"a": {"b": 1}}, [""])]

json_filter_09 := [x | x := json.filter({"a": {"b": 1}}, ["/"])]

json_filter_10 := [x | x := json.filter({"a": {"1": 1, "2": 2}}, ["a/1"])]

json_filter_11 := [x | x := json.filter({"a": {"b": 1}}, [[1]])]

json_filter_12 := [x | x := json.filter({1: "a", "b": 2}, [[1]])]

json_filter_13 := [x | x := json.filter({"a": null}, ["a/b"])]

json_remove_01 := [x | x := json.remove({"a": {"b": "c", "d": "e"}}, ["a"])]

json_remove_02 := [x | x := json.remove({"a": [1, 2, 3]}, ["a/0", "a/1"])]

json_remove_03 := [x | x := json.remove({"a": [1, 2, 3]}, ["a/5"])]

json_remove_04 := [x | x := json.remove({"a": [{"b": 1}, {"b": 2}]}, ["a/0/b"])]

json_remove_05 := [x | x := json.remove({"a": 1}, [""])]

json_remove_06 := [x | x := json.remove({"a": {"b": 1}}, ["a", "a/b"])]

json_remove_07 := [x | x := json.remove({"a": {"b": 1}}, ["/a/b/"])]

json_remove_08 := [x | x := json.remove({"a": {1: "x"}}, [["a", 1]])]

json_remove_09 := [x | x := json.remove({"a": {"1": "x"}}, [["a", 1]])]

json_remove_10 := [x | x := json.remove({"a": [1, 2]}, [["a", 0]])]

json_remove_11 := [x | x := json.remove({"a": {"b", "c"}}, ["a/b"])]

json_patch_01 := [x | x := json.patch({"a": {"b": 1}}, [{"op": "remove", "path": "a/b"}])]

json_patch_02 := [x | x := json.patch({"a": {"b": 1}}, [{"op": "replace", "path": "/a/c", "value": 1}])]

json_patch_03 := [x | x := json.patch({"a": [1, 2]}, [{"op": "add", "path": "/a/1", "value": 9}])]

json_patch_04 := [x | x := json.patch({"a": 1}, [{"op": "test", "path": "/a", "value": 2}])]

json_patch_05 := [x | x := json.patch({"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}])]

json_patch_06 := [x | x := json.patch({"a": 1}, [{"op": "copy", "from": "a", "path": "b"}])]

json_patch_07 := [x | x := json.patch({"a/b": 1}, [{"op": "remove", "path": "/a~1b"}])]

json_patch_08 := [x | x := json.patch([1], [{"op": "add", "path": "-", "value": 2}])]

json_marshal_01 := [x | x := json.marshal({"b": [1, 2.5, "<&>"], "a": {"x"}})]

json_marshal_02 := [x | x := json.marshal(1e21)]

json_marshal_03 := [x | x := json.marshal("\u2028é\u0001")]

json_marshal_with_options_01 := [x | x := json.marshal_with_options({"a": [1]}, {"pretty": true, "indent": " "})]

json_unmarshal_01 := [x | x := json.unmarshal("[1, 2.50, 1e2, 12345678901234567890]")]

json_unmarshal_02 := [x | x := json.unmarshal("{\"a\": 1} x")]

json_unmarshal_03 := [x | x := json.unmarshal("\"a\"")]

json_is_valid_01 := [x | x := json.is_valid("{")]

json_is_valid_02 := [x | x := json.is_valid("{}")]

yaml_unmarshal_01 := [x | x := yaml.unmarshal("a: [1, yes]\nb: 010")]

yaml_is_valid_01 := [x | x := yaml.is_valid("a: [")]

semver_is_valid_01 := [x | x := semver.is_valid("1.2.3-rc.1+b")]

semver_is_valid_02 := [x | x := semver.is_valid("v1.2")]

semver_is_valid_03 := [x | x := semver.is_valid("01.2.3")]

semver_is_valid_04 := [x | x := semver.is_valid("1.2.3.4")]

semver_compare_01 := [x | x := semver.compare("v1.0.0", "1.0.0")]

semver_compare_02 := [x | x := semver.compare("1.0.0+a", "1.0.0+b")]

semver_compare_03 := [x | x := semver.compare("1.0.0-alpha.1", "1.0.0-alpha.beta")]

semver_compare_04 := [x | x := semver.compare("1.0", "1.0.0")]

semver_compare_05 := [x | x := semver.compare("1.0.0-1", "1.0.0-a")]

regex_match_01 := [x | x := regex.match("^a.c$", "a\nc")]

regex_match_02 := [x | x := regex.match("(?s)^a.c$", "a\nc")]

regex_match_03 := [x | x := regex.match("[", "a")]

regex_match_04 := [x | x := regex.match("(?P<n>a)", "a")]

regex_match_05 := [x | x := regex.match(`\pL+`, "é")]

regex_match_06 := [x | x := regex.match(`^\w+$`, "é")]

regex_match_07 := [x | x := regex.match(`\d`, "٣")]

regex_match_08 := [x | x := regex.match(`(?i)ABC`, "abc")]

regex_match_09 := [x | x := regex.match(`\bfoo\b`, "a foo b")]

regex_match_10 := [x | x := regex.match(`^[[:alpha:]]+$`, "abc")]

regex_match_11 := [x | x := regex.match(`a{2,3}`, "aa")]

regex_match_12 := [x | x := regex.match(`\z`, "a")]

regex_match_13 := [x | x := regex.match(`\Qa.b\E`, "a.b")]

regex_match_14 := [x | x := regex.match(`(a)(?:b)`, "ab")]

regex_match_15 := [x | x := regex.match(`\C`, "a")]

regex_match_16 := [x | x := regex.match(`(?=a)`, "a")]

regex_match_17 := [x | x := regex.match(`a**`, "a")]

regex_match_18 := [x | x := regex.match(`\x{41}`, "A")]

regex_replace_01 := [x | x := regex.replace("abcabc", "b(c)", "[$1]")]

regex_replace_02 := [x | x := regex.replace("abc", "(?P<n>b)", "<${n}>")]

regex_replace_03 := [x | x := regex.replace("abc", "b", "$1x")]

regex_replace_04 := [x | x := regex.replace("abc", "(b)", "$1x")]

regex_replace_05 := [x | x := regex.replace("abc", "b", "$$")]

regex_split_01 := [x | x := regex.split("b", "abcbd")]

regex_split_02 := [x | x := regex.split("", "abc")]

regex_split_03 := [x | x := regex.split(`\s*,\s*`, "a , b,c")]

regex_find_n_01 := [x | x := regex.find_n("a.", "abacad", -1)]

regex_find_n_02 := [x | x := regex.find_n("a.", "abacad", 2)]

regex_find_n_03 := [x | x := regex.find_n("x", "abacad", -1)]

regex_find_all_string_submatch_n_01 := [x | x := regex.find_all_string_submatch_n("a(.)", "abac", -1)]

regex_is_valid_01 := [x | x := regex.is_valid("(")]

regex_is_valid_02 := [x | x := regex.is_valid("a|b")]

regex_template_match_01 := [x | x := regex.template_match("urn:foo:{.*}", "urn:foo:bar:baz", "{", "}")]

glob_match_01 := [x | x := glob.match("*.github.com", [], "api.github.com")]

glob_match_02 := [x | x := glob.match("*.github.com", null, "api.cdn.github.com")]

glob_match_03 := [x | x := glob.match("*:github:com", [":"], "api:github:com")]

glob_match_04 := [x | x := glob.match("api.**.com", ["."], "api.cdn.github.com")]

glob_match_05 := [x | x := glob.match("a?c", [], "abc")]

glob_match_06 := [x | x := glob.match("[a-c]x", [], "bx")]

glob_match_07 := [x | x := glob.match("[!a-c]x", [], "dx")]

glob_match_08 := [x | x := glob.match("{a,b}*", [], "bcd")]

glob_match_09 := [x | x := glob.match("*", ["/"], "a/b")]

glob_match_10 := [x | x := glob.match("**", ["/"], "a/b")]

glob_match_11 := [x | x := glob.match("oci://quay.io/*", [], "oci://quay.io/a/b")]

glob_match_12 := [x | x := glob.match("a*", ["/"], "a/b")]

glob_quote_meta_01 := [x | x := glob.quote_meta("a*?[b]")]

object_get_01 := [x | x := object.get({"a": {"b": 1}}, ["a", "b"], 2)]

object_get_02 := [x | x := object.get({"a": {"b": 1}}, ["a", "c"], 2)]

object_get_03 := [x | x := object.get({"a": [1]}, ["a", 0], 2)]

object_get_04 := [x | x := object.get({"a": [1]}, ["a", "0"], 2)]

object_get_05 := [x | x := object.get({"a": 1}, [], 2)]

object_get_06 := [x | x := object.get(input.missing, "a", 2)]

object_get_07 := [x | x := object.get({"a": null}, "a", 2)]

object_union_01 := [x | x := object.union({"a": {"b": 1}}, {"a": {"c": 2}})]

object_union_02 := [x | x := object.union({"a": 1}, {"a": {"c": 2}})]

object_union_n_01 := [x | x := object.union_n([{"a": 1}, {"a": 2}, {"b": {"c": 1}}])]

object_remove_01 := [x | x := object.remove({"a": 1, "b": 2}, {"a"})]

object_remove_02 := [x | x := object.remove({"a": 1, "b": 2}, {"a": "x"})]

object_filter_01 := [x | x := object.filter({"a": 1, "b": 2}, ["a", "z"])]

object_keys_01 := [x | x := object.keys({"b": 1, "a": 2})]

object_subset_01 := [x | x := object.subset({"a": 1, "b": {"c": 2}}, {"b": {"c": 2}})]

object_subset_02 := [x | x := object.subset([1, 2, 3], [2, 3])]

array_slice_01 := [x | x := array.slice([1, 2, 3], -1, 2)]

array_slice_02 := [x | x := array.slice([1, 2, 3], 2, 10)]

array_slice_03 := [x | x := array.slice([1, 2, 3], 2, 1)]

array_reverse_01 := [x | x := array.reverse([1, 2])]

count_01 := [x | x := count("é日")]

count_02 := [x | x := count({"a": 1})]

sum_01 := [x | x := sum([1, 2.5])]

sum_02 := [x | x := sum([])]

product_01 := [x | x := product([])]

max_01 := [x | x := max([])]

max_02 := [x | x := max({"a", "b"})]

max_03 := [x | x := max([1, "a", null])]

min_01 := [x | x := min([[1], {"a": 1}, {1}])]

sort_01 := [x | x := sort({"b", 1, null, [1], {"a": 1}, true, {2}})]

sort_02 := [x | x := sort([3, 1.5, "a"])]

concat_01 := [x | x := concat(",", ["a", "b"])]

concat_02 := [x | x := concat(",", {"b", "a"})]

split_01 := [x | x := split("a,b,,c", ",")]

split_02 := [x | x := split("abc", "")]

split_03 := [x | x := split("", ",")]

indexof_01 := [x | x := indexof("abé", "é")]

indexof_02 := [x | x := indexof("abc", "")]

indexof_n_01 := [x | x := indexof_n("abab", "b")]

substring_01 := [x | x := substring("héllo", 1, 3)]

substring_02 := [x | x := substring("abc", 1, -1)]

substring_03 := [x | x := substring("abc", 5, 1)]

substring_04 := [x | x := substring("abc", -1, 1)]

replace_01 := [x | x := replace("aaa", "a", "b")]

replace_02 := [x | x := replace("abc", "", "-")]

strings_replace_n_01 := [x | x := strings.replace_n({"a": "b", "b": "c"}, "ab")]

strings_reverse_01 := [x | x := strings.reverse("héy")]

strings_count_01 := [x | x := strings.count("aaaa", "aa")]

strings_any_prefix_match_01 := [x | x := strings.any_prefix_match(["a", "b"], "ax")]

strings_any_prefix_match_02 := [x | x := strings.any_prefix_match({"ax"}, {"b", "a"})]

strings_any_suffix_match_01 := [x | x := strings.any_suffix_match("ax", ["x"])]

trim_01 := [x | x := trim("  a ", " ")]

trim_02 := [x | x := trim("xxaxx", "x")]

trim_left_01 := [x | x := trim_left("abca", "ab")]

trim_right_01 := [x | x := trim_right("abca", "ca")]

trim_prefix_01 := [x | x := trim_prefix("abc", "ab")]

trim_suffix_01 := [x | x := trim_suffix("abc", "bc")]

trim_space_01 := [x | x := trim_space("\t\u00a0 a\n")]

upper_01 := [x | x := upper("straße")]

lower_01 := [x | x := lower("İ")]

startswith_01 := [x | x := startswith("abc", "")]

contains_01 := [x | x := contains("abc", "bc")]

format_int_01 := [x | x := format_int(255, 16)]

format_int_02 := [x | x := format_int(-7.9, 10)]

format_int_03 := [x | x := format_int(5, 3)]

to_number_01 := [x | x := to_number("0x10")]

to_number_02 := [x | x := to_number(" 1")]

to_number_03 := [x | x := to_number("1e2")]

to_number_04 := [x | x := to_number(null)]

to_number_05 := [x | x := to_number(true)]

to_number_06 := [x | x := to_number("abc")]

abs_01 := [x | x := abs(-1.5)]

ceil_01 := [x | x := ceil(1.2)]

round_01 := [x | x := round(-2.5)]

round_02 := [x | x := round(0.5)]

floor_01 := [x | x := floor(-1.2)]

expression_01 := [x | x := 7 % 3]

expression_02 := [x | x := -7 % 3]

expression_03 := [x | x := 1 / 3]

expression_04 := [x | x := 10 / 2]

expression_05 := [x | x := 5 - 7.5]

expression_06 := [x | x := 9007199254740993 + 1]

expression_07 := [x | x := 12345678901234567890 * 10]

expression_08 := [x | x := {1, 2} - {2}]

expression_09 := [x | x := {1} | {2}]

expression_10 := [x | x := {1, 2} & {2, 3}]

expression_11 := [x | x := 1 < "a"]

expression_12 := [x | x := [1] < [2]]

expression_13 := [x | x := null < false]

expression_14 := [x | x := {"a": 1} == {"a": 1.0}]

expression_15 := [x | x := 1 == 1.0]

expression_16 := [x | x := {1: "a"}[1.0]]

numbers_range_01 := [x | x := numbers.range(1, 3)]

numbers_range_02 := [x | x := numbers.range(3, 1)]

numbers_range_03 := [x | x := numbers.range(1.5, 3)]

numbers_range_step_01 := [x | x := numbers.range_step(1, 10, 3)]

numbers_range_step_02 := [x | x := numbers.range_step(1, 10, 0)]

bits_and_01 := [x | x := bits.and(6, 3)]

bits_lsh_01 := [x | x := bits.lsh(1, 65)]

bits_and_02 := [x | x := bits.and(1.5, 1)]

base64_decode_01 := [x | x := base64.decode("YQ")]

base64_decode_02 := [x | x := base64.decode("YQ==\n")]

base64_decode_03 := [x | x := base64.decode("!!")]

base64_is_valid_01 := [x | x := base64.is_valid("YQ==")]

base64url_decode_01 := [x | x := base64url.decode("YQ")]

base64url_encode_01 := [x | x := base64url.encode("a??")]

base64url_encode_no_pad_01 := [x | x := base64url.encode_no_pad("a")]

hex_decode_01 := [x | x := hex.decode("6g")]

hex_encode_01 := [x | x := hex.encode("a")]

urlquery_encode_01 := [x | x := urlquery.encode("a b&c=é")]

urlquery_decode_01 := [x | x := urlquery.decode("a+b%26")]

urlquery_decode_02 := [x | x := urlquery.decode("%zz")]

urlquery_decode_object_01 := [x | x := urlquery.decode_object("a=1&a=2&b=")]

urlquery_encode_object_01 := [x | x := urlquery.encode_object({"a": ["1", "2"], "b": {"x"}})]

type_name_01 := [x | x := type_name(null)]

type_name_02 := [x | x := type_name({1})]

is_number_01 := [x | x := is_number("1")]

is_set_01 := [x | x := is_set({})]

is_set_02 := [x | x := is_set(set())]

is_boolean_01 := [x | x := is_boolean(false)]

is_null_01 := [x | x := is_null(input.missing)]

intersection_01 := [x | x := intersection({{1, 2}, {2}})]

union_01 := [x | x := union({{1}, {2}})]

walk_01 := [x | x := walk({"a": [1]})[1]]

graph_reachable_01 := [x | x := graph.reachable({"a": {"b"}, "b": ["c"]}, ["a"])]

graph_reachable_paths_01 := [x | x := graph.reachable_paths({"a": ["b"], "b": []}, ["a"])]

units_parse_01 := [x | x := units.parse("10K")]

units_parse_bytes_01 := [x | x := units.parse_bytes("1Ki")]

uuid_parse_01 := [x | x := uuid.parse("00000000-0000-0000-0000-000000000000")]

uuid_parse_02 := [x | x := uuid.parse("nope")]

net_cidr_contains_01 := [x | x := net.cidr_contains("10.0.0.0/8", "10.1.2.3")]

net_cidr_is_valid_01 := [x | x := net.cidr_is_valid("10.0.0.0/33")]

json_match_schema_01 := [x | x := json.match_schema({"a": 1}, {"properties": {"a": {"type": "integer", "maximum": 0}}})]

json_match_schema_02 := [x | x := json.match_schema({"a": "x"}, {"properties": {"a": {"enum": ["y"]}}})[1][0].desc]

json_match_schema_03 := [x | x := json.match_schema({"a": [1, 1]}, {"properties": {"a": {"uniqueItems": true}}})]

json_match_schema_04 := [x | x := json.match_schema({"a": "x"}, {"properties": {"a": {"format": "email"}}})]

json_match_schema_05 := [x | x := json.match_schema({"a": "2020"}, {"properties": {"a": {"format": "date-time"}}})]

json_match_schema_06 := [x | x := json.match_schema({"a": 1.5}, {"properties": {"a": {"multipleOf": 1}}})]

json_match_schema_07 := [x | x := json.match_schema({"a": 1}, {"not": {"required": ["a"]}})]

json_match_schema_08 := [x | x := json.match_schema({"a": 1}, {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]})]

json_match_schema_09 := [x | x := json.match_schema({"c": 1}, {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]})]

json_match_schema_10 := [x | x := json.match_schema({"c": 1}, {"anyOf": [{"required": ["a"]}, {"properties": {"c": {"type": "string"}}}]})]

json_match_schema_11 := [x | x := json.match_schema({"c": 1}, {"allOf": [{"required": ["a"]}]})]

json_match_schema_12 := [x | x := json.match_schema({"a": {}}, {"properties": {"a": {"minProperties": 1}}})]

json_match_schema_13 := [x | x := json.match_schema({"ab": 1}, {"patternProperties": {"^a": {"type": "string"}}})]

json_match_schema_14 := [x | x := json.match_schema({"a": 1}, {"const": {"a": 2}})]

json_match_schema_15 := [x | x := json.match_schema({"a": 1}, {"if": {"required": ["a"]}, "then": {"required": ["b"]}})]

json_match_schema_16 := [x | x := json.match_schema({"a": [1, "x"]}, {"properties": {"a": {"items": [{"type": "string"}], "additionalItems": false}}})]

json_match_schema_17 := [x | x := json.match_schema({"a": [1]}, {"properties": {"a": {"contains": {"type": "string"}}}})]

json_match_schema_18 := [x | x := json.match_schema({"a": 1}, {"propertyNames": {"pattern": "^b"}})]

json_match_schema_19 := [x | x := json.match_schema({"a": 1}, {"dependencies": {"a": ["b"]}})]

json_match_schema_20 := [x | x := json.match_schema({"a": "aaa"}, {"properties": {"a": {"maxLength": 2, "minLength": 5}}})]

json_match_schema_21 := [x | x := json.match_schema({"a": 1}, {"properties": {"a": {"exclusiveMinimum": 1}}})]

json_match_schema_22 := [x | x := json.match_schema({"a": 1}, {"$ref": "#/definitions/x", "definitions": {"x": {"required": ["b"]}}})]

json_match_schema_23 := [x | x := json.match_schema({"a": 1}, "{\"required\": [\"b\"]}")]

json_match_schema_24 := [x | x := json.match_schema({"a": 1}, {"properties": {"a": false}})]

json_verify_schema_01 := [x | x := json.verify_schema({"type": 1})[0]]

json_verify_schema_02 := [x | x := json.verify_schema({"$ref": "http://example.com/x.json"})[0]]

json_verify_schema_03 := [x | x := json.verify_schema("not json")[0]]

json_match_schema_25 := [x | x := json.match_schema({"a": "x"}, {"properties": {"a": {"pattern": "("}}})]

expression_17 := [x | x := ["a" | not input.object.k == "v"]]

expression_18 := [x | x := [y | some y in input.list; not y in [2]]]

expression_19 := [x | x := {k | some k; input.object[k] == "v"}]

expression_20 := [x | x := [i | input.list[i] > 1]]

expression_21 := [x | some i; x := input.list[i]]

expression_22 := [x | some i, j; x := [i, j]; [1, 2][i]; {"a": 1}[j]]

expression_23 := [x | x := input["text"]]

expression_24 := [x | x := input.list[_]]

expression_25 := [x | x := input.deep.a[_].b]

expression_26 := [x | [x, _] := [1, 2]]

expression_27 := [x | {"a": x} := {"a": 1}]

expression_28 := [x | {"a": x} = input.object]

expression_29 := [x | [1, x] = input.list]

expression_30 := [x | x = input.list[0]]

expression_31 := [x | x := {"k": v | some v in [1]}]

expression_32 := [x | x := {v: k | some k, v in ["a", "b"]}]

count_03 := [x | x := count([1 | true; false])]

expression_33 := [x | every k, v in {"a": 1} { is_string(k); v == 1 }; x := 1]

expression_34 := [x | every v in input.missing { v == 1 }; x := 1]

expression_35 := [x | every v in input.text { v == 1 }; x := 1]

expression_36 := [x | x := 1; x != 2]

expression_37 := [x | x := input.list; x[0] == 1]

expression_38 := [x | not input.list[0] == 2; x := 1]

expression_39 := [x | not input.object["zz"]; x := 1]

expression_40 := [x | not count(input.list) > 5; x := 1]

expression_41 := [x | not is_string(input.zero); x := 1]

expression_42 := [x | not startswith(input.object.n, "a"); x := 1]

expression_43 := [x | not object.get(input, "zz", false); x := 1]

expression_44 := [x | not regex.match("[", input.text); x := 1]

expression_45 := [x | not to_number("abc"); x := 1]

expression_46 := [x | not 1 / input.zero == 1; x := 1]

expression_47 := [x | not json.unmarshal("{"); x := 1]

expression_48 := [x | not input.nothing; x := 1]

expression_49 := [x | not input.zero; x := 1]

expression_50 := [x | not false; x := 1]

expression_51 := [x | not null; x := 1]

expression_52 := [x | x := [1 | not input.missing.deeper.still]]

expression_53 := [x | x := [1 | not input.object.k.x]]

expression_54 := [x | x := [1 | not {1} == {input.missing}]]

expression_55 := [x | x := [1 | not [y | y := input.missing] == []]]

expression_56 := [x | x := [1 | not count({y | y := input.missing}) == 0]]

expression_57 := [x | x := input.text with input.text as "b"]

expression_58 := [x | x := input.new.path with input.new.path as 1]

expression_59 := [x | x := input.text.sub with input.text.sub as 1]

expression_60 := [x | x := 1; time.now_ns() == 5 with time.now_ns as 5]

count_04 := [x | x := count([1]) with count as 7]

expression_61 := [x | x := `raw\n`]

expression_62 := [x | x := "tab\tq\"u\u0041"]

expression_63 := [x | x := -0.0]

expression_64 := [x | x := 1.50]

expression_65 := [x | x := 1E5]

expression_66 := [x | x := {"a": 1, "a": 1}]

expression_67 := [x | x := [1, 2, 3,]]

set_01 := [x | x := set()]

expression_68 := [x | x := {}]

expression_69 := [x | x := {1: 2, true: 3, null: 4, [1]: 5}]

semver_compare_06 := [x | x := semver.compare("1.0.0-a", "1.0.0-a.b")]

semver_compare_07 := [x | x := semver.compare("01.2.3", "1.2.3")]

strings_replace_n_02 := [x | x := strings.replace_n({"a": "1", "ab": "2"}, "abab")]

strings_replace_n_03 := [x | x := strings.replace_n({"ab": "2", "": "x"}, "abc")]

strings_count_02 := [x | x := strings.count("abc", "")]

strings_count_03 := [x | x := strings.count("aaa", "aa")]

indexof_n_02 := [x | x := indexof_n("abc", "")]

base64_decode_04 := [x | x := base64.decode("Y\r\nQ==")]

base64_decode_05 := [x | x := base64.decode("YQ= =")]

to_number_07 := [x | x := to_number("inf")]

to_number_08 := [x | x := to_number("NaN")]

to_number_09 := [x | x := to_number("")]

to_number_10 := [x | x := to_number("-0")]

numbers_range_step_03 := [x | x := numbers.range_step(1, 10, -2)]

numbers_range_step_04 := [x | x := numbers.range_step(10, 1, 3)]

numbers_range_step_05 := [x | x := numbers.range_step(1, 1, 3)]

numbers_range_step_06 := [x | x := numbers.range_step(1.5, 3, 1)]

json_marshal_04 := [x | x := json.marshal("<>&\u2028\u2029\u007f/")]

json_marshal_05 := [x | x := json.marshal({"<": 1})]

regex_match_19 := [x | x := regex.match(`[\d]`, "٣")]

regex_match_20 := [x | x := regex.match(`[^\w]`, "é")]

regex_match_21 := [x | x := regex.match(`\s`, " ")]

regex_match_22 := [x | x := regex.match(`\s`, "")]

regex_match_23 := [x | x := regex.match(`[[a]`, "[")]

regex_match_24 := [x | x := regex.match(`[a&&b]`, "&")]

regex_match_25 := [x | x := regex.match(`[a-c--b]`, "b")]

regex_match_26 := [x | x := regex.match(`\101`, "A")]

regex_match_27 := [x | x := regex.match(`(?x)a b`, "ab")]

regex_match_28 := [x | x := regex.match(`(?R)a`, "a")]

regex_match_29 := [x | x := regex.match(`a{1001}`, "a")]

regex_match_30 := [x | x := regex.match(`a{,2}`, "a{,2}")]

regex_match_31 := [x | x := regex.match(`a{`, "a{")]

regex_match_32 := [x | x := regex.match(`\e`, "e")]

regex_match_33 := [x | x := regex.match(`\_`, "_")]

regex_match_34 := [x | x := regex.match(`\-`, "-")]

regex_match_35 := [x | x := regex.match(`[\b]`, "b")]

regex_match_36 := [x | x := regex.match(`(?<n>a)`, "a")]

regex_match_37 := [x | x := regex.match(`\pL\p{Greek}`, "aα")]

regex_match_38 := [x | x := regex.match(`\p{L}`, "é")]

regex_match_39 := [x | x := regex.match(`\p{Letter}`, "é")]

regex_match_40 := [x | x := regex.match(`(?i)\w`, "ſ")]

regex_match_41 := [x | x := regex.match(`(?i)k`, "K")]

regex_match_42 := [x | x := regex.match(`]`, "]")]

regex_match_43 := [x | x := regex.match(`}`, "}")]

regex_match_44 := [x | x := regex.match(`[]a]`, "]")]

regex_match_45 := [x | x := regex.match(`[^]a]`, "b")]

regex_match_46 := [x | x := regex.match(`a|*`, "a")]

regex_match_47 := [x | x := regex.match(`()`, "a")]

regex_match_48 := [x | x := regex.match(`a++`, "aa")]

regex_match_49 := [x | x := regex.match(`a+?`, "aa")]

regex_match_50 := [x | x := regex.match(`(?:)`, "")]

regex_match_51 := [x | x := regex.match(`\Qa`, "a")]

regex_match_52 := [x | x := regex.match(`[[:word:]]`, "é")]

regex_match_53 := [x | x := regex.match(`[[:^alpha:]]`, "1")]

regex_match_54 := [x | x := regex.match(`[[:foo:]]`, "1")]

regex_match_55 := [x | x := regex.match(`\b`, "é")]

regex_match_56 := [x | x := regex.match(`^\Bé`, "é")]

regex_match_57 := [x | x := regex.match(`$`, "a\n")]

regex_match_58 := [x | x := regex.match(`a$`, "a\n")]

regex_match_59 := [x | x := regex.match(`(?m)a$`, "a\n")]

regex_match_60 := [x | x := regex.match(`\B`, "")]

regex_replace_06 := [x | x := regex.replace("aXb", "(?P<x>X)", "${x}y$xy$1y$")]

regex_replace_07 := [x | x := regex.replace("abc", "", "-")]

regex_replace_08 := [x | x := regex.replace("héllo", "l*", "-")]

regex_split_04 := [x | x := regex.split("", "")]

regex_split_05 := [x | x := regex.split("a", "")]

regex_split_06 := [x | x := regex.split("", "é")]

regex_split_07 := [x | x := regex.split("x*", "axbc")]

regex_find_n_04 := [x | x := regex.find_n("", "ab", -1)]

regex_find_n_05 := [x | x := regex.find_n("a", "aaa", 0)]

regex_find_all_string_submatch_n_02 := [x | x := regex.find_all_string_submatch_n("(a)|(b)", "ab", -1)]

regex_find_all_string_submatch_n_03 := [x | x := regex.find_all_string_submatch_n("a", "aaa", 0)]

upper_02 := [x | x := upper("ŉǆß")]

lower_02 := [x | x := lower("ΑΣ")]

sprintf_48 := [x | x := sprintf("%v|%v|%v|%v|%v", [1234567.5, 123456.5, 0.0001, 0.00001, 12345678901234567890.5])]

sprintf_49 := [x | x := sprintf("%s", [1234567.5])]

sprintf_50 := [x | x := sprintf("%e|%g|%.3g|%G", [1234567.5, 1234567.5, 1234567.5, 0.00001])]

sprintf_51 := [x | x := sprintf("%6.3v|%.3v", [3.14159, "abcdef"])]

json_filter_14 := [x | x := json.filter({"a": [1, 2]}, [["a", 0]])]

json_filter_15 := [x | x := json.filter({"a": [1, 2]}, [["a", "0"]])]

json_filter_16 := [x | x := json.filter({"a": {"b": 1}}, ["a/"])]

json_filter_17 := [x | x := json.filter({"": 1}, [""])]

json_remove_12 := [x | x := json.remove({"a": {"b": 1}}, [""])]

json_remove_13 := [x | x := json.remove({"": 1}, [""])]

json_remove_14 := [x | x := json.remove({"a": {"b": 1}}, ["/"])]

json_remove_15 := [x | x := json.remove({"a": [{"b": 1}, 2, 3]}, ["a/0/b", "a/1", "a/2"])]

json_remove_16 := [x | x := json.remove({"a": {"b": 1, "c": 2}}, ["a/b", "a"])]

json_remove_17 := [x | x := json.remove({"a": ["x", "y"]}, ["a/01"])]

semver_compare_08 := [x | x := semver.compare("v1.0.0", "v1.0.1")]

semver_is_valid_05 := [x | x := semver.is_valid("vv1.0.0")]

semver_is_valid_06 := [x | x := semver.is_valid("1.0.0-01")]

semver_is_valid_07 := [x | x := semver.is_valid("1.0.0-")]

semver_is_valid_08 := [x | x := semver.is_valid("1.0.0+")]

semver_is_valid_09 := [x | x := semver.is_valid("1.0.0-a..b")]

semver_is_valid_10 := [x | x := semver.is_valid("1.0.0-é")]

semver_is_valid_11 := [x | x := semver.is_valid(" 1.0.0")]

semver_is_valid_12 := [x | x := semver.is_valid("99999999999999999999.0.0")]
