package a
p := [x | y := 1]
