package a
p := count([], 1, 2)
