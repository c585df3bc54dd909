package a
p if [1, 2] == [1, "a"]
