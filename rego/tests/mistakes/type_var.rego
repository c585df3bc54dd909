package a
p if { x := "a"; abs(x) == 1 }
