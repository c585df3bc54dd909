package a
q contains "a"
p if q[1]
