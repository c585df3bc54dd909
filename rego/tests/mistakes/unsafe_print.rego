package a
p if { input.x; count([x]) == 1 }
