package a
p if p
