package a
p := data.a
