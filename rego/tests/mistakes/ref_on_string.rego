package a
p := "abc"[0]
