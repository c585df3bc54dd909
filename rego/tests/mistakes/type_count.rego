package a
p := count(1)
