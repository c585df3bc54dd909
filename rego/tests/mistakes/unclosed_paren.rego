package a
p if (1 + 2
