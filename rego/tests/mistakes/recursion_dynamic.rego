package a
p if data.a[input.x]
