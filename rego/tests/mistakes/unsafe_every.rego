package a
p if every x in xs { x == 1 }
