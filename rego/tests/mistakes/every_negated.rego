package a
p if not every x in [1] { x == 1 }
