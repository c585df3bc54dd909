package a
f(x) := x
f(x, y) := x
