# Plain data, read in every way in which a rewritten reference could go wrong; see README.md.
package oracle.documents

import data.settings as imported
import data.settings.levels

whole := data.settings

member := data.settings.name

by_string := data.settings["two words"]

quoted_root := data["odd root"].x

by_variable := value if {
	some key in ["absent", "high"]
	value := data.settings.levels[key]
}

by_input := data.settings.levels[input.deep.c]

through_import := imported.levels.low

through_deep_import := levels[input.deep.c]

every_key contains key if data.settings.levels[key]

every_pair contains [key, value] if some key, value in data.settings.levels

every_item contains item if some item in data.settings.list

nested contains [group, name] if some group, name in data.settings.groups[_]

compared if data.settings.list[_] == "b"

not_absent if not data.settings.absent

not_absent_root if not data.nothing

not_absent_by_variable if {
	some key in ["absent"]
	not data.settings.levels[key]
}

not_absent_root_by_variable if {
	some key in ["absent"]
	not data.nothing[key]
}

not_present_by_variable if {
	some key in ["low"]
	not data.settings.levels[key]
}

absent_root := data.nothing

absent_root_by_variable := value if {
	some key in ["x"]
	value := data.nothing[key]
}

iterates_absent_root contains x if some x in data.nothing[input.deep.c]

member_of_absent_root if "x" in data.nothing[input.deep.c]

not_member_of_absent_root if not "x" in data.nothing[input.deep.c]

is_false := data.settings.off

not_false if not data.settings.off

in_comprehension := [value | some key in ["low", "high"]; value := data.settings.levels[key]]

in_absent_comprehension := [value | some key in ["low"]; value := data.nothing[key]]

in_set contains {data.settings.name, data.settings.levels[input.deep.c]}

as_argument := count(data.settings.list)

as_default := object.get(data.settings, ["levels", "absent"], "none")

indexed_argument := upper(data.settings.names[input.zero])

by_number := data.settings.list[1]

by_sum := data.settings.list[input.zero + 1]

in_every if {
	every level in data.settings.levels {
		level > 0
	}
}

in_every_indexed if {
	every name in data.settings.groups[input.deep.c] {
		name != ""
	}
}

function(key) := data.settings.levels[key]

through_function := function("high")

absent_through_function := function("absent")

head[data.settings.name] := data.settings.levels[input.deep.c]

else_branch := 1 if {
	data.nothing[input.deep.c]
} else := data.settings.levels.low

# A rule of another package, read by a variable.
other_rule := data.oracle.imported.table[input.deep.c]

other_rule_keys contains key if data.oracle.imported.table[key]

not_other_rule if not data.oracle.imported.table[input.text]
