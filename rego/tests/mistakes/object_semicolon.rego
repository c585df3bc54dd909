package a
p := {"a": 1; "b": 2}
