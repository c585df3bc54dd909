package a
p := 1
p.q := 2
