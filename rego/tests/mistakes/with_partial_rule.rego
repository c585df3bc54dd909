package a
q := {"x": 1}
p if q.x with data.a.q.x as 2
