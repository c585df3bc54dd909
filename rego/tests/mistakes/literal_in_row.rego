package a
p if { input.x input.y }
