package a
p if input.x or input.y
