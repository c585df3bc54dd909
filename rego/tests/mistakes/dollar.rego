package a
p := $x
