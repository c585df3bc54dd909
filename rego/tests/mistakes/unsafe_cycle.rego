package a
p if { x := y + 1; y := x + 1 }
