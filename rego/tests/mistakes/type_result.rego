package a
p if count([1]) == "a"
