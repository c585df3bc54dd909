package a
p := object.get([1], "a", 1)
