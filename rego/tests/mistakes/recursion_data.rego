package a
p if data.a.p
