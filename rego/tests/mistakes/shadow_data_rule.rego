package a
data := 1
