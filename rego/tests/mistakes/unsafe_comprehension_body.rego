package a
p := [y | y := x + 1]
