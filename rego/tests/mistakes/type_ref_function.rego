package a
f(x) := x
p := f
