package a
p if input.x with walk as 2
