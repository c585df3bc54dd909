package a
p if strings.foo(1)
