package a
p := concat(",")
