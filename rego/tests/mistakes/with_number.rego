package a
p if input.x with 1 as 2
