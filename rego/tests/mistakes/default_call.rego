package a
default p := count([])
