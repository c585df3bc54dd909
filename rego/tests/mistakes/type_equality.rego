package a
p if 1 == "a"
