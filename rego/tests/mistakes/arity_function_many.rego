package a
f(x) := x
p := f(1, 2, 3)
