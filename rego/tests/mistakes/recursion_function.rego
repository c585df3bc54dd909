package a
f(x) := f(x - 1)
