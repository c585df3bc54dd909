package a
p if { x := 1; x == "a" }
