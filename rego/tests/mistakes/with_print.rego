package a
p if input.x with print as 2
