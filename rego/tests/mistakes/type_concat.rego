package a
p := concat(",", [1])
