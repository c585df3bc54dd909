package a
p if { {x: 1} = {"a": 1} }
