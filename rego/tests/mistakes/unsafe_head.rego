package a
p := x if input.y
