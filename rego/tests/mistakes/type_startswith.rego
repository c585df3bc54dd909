package a
p if startswith(1, "a")
