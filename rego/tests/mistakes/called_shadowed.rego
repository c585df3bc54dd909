package a
p if { f := 1; x := f(f) }
f(x) := x
