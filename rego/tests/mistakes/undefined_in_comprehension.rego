package a
p := [x | x := foo(1)]
