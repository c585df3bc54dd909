package a
f(x, y) := x + y
p := f(1)
