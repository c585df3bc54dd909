package a
p if input := 1
