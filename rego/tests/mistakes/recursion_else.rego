package a
p := 1 if input.x else := q
q := p
