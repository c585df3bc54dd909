package a
p if input.x with input 2
