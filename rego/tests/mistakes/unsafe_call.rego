package a
p if count(x) > 1
