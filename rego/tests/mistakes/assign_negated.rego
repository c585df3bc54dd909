package a
p if not x := 1
