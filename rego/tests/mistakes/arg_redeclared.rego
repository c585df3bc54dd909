package a
f(x) := 1 if { x := 2 }
