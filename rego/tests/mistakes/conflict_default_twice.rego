package a
default p := 1
default p := 2
