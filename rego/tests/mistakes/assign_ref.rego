package a
p if input.x := 1
