package a
f(x) := x + 1
p := f("a")
