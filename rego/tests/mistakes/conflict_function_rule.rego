package a
f(x) := x
f := 1
