package a
p if regex.match("a", 1)
