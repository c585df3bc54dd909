package a
p := count(foo(1))
