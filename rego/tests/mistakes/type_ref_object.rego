package a
q := {"a": 1}
p := q.b
