package a
p if not input[x]
