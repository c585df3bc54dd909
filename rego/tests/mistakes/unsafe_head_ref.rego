package a
p[x] := 1 if input.y
