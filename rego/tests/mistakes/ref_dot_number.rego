package a
p := input.1
