package a
p if { y = x; x := 1 }
