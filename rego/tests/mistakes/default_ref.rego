package a
default p := input.x
