package a
p if foo(1)
