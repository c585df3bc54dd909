package a
p := {}
p[x] := 1 if x := "a"
