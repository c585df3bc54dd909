package a
p if input.x with foo as 1
