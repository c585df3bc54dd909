package a
p if every [x] in [[1]] { x == 1 }
