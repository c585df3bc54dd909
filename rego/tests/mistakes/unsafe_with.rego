package a
p if input.y with input as x
