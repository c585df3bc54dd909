package a
p if { some x; input.y }
