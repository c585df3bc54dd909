package a
p if f(1) := 1
f(x) := x
