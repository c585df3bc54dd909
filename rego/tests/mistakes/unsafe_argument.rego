package a
f(x) := y
