package a
p.q
