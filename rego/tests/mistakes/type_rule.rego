package a
q := "a"
p := q + 1
