package a
p if input.x with eq as 2
