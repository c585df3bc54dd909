package a
p := [x | some x in q]
q := p
