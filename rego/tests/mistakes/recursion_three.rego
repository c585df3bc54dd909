package a
x := y
y := z
z := x
