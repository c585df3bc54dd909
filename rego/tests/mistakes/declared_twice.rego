package a
p if { some x; some x; input[x] }
