package a
p := "a\q"
