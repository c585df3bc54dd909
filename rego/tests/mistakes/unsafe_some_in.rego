package a
p if some x in y
