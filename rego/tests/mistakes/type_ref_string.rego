package a
p if { x := "abc"; x.y }
