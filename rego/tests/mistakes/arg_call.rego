package a
f(count(x)) := 1
