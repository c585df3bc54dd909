package a
p contains 1
p[x] contains 2 if x := "a"
