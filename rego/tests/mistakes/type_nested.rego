package a
p := upper(count([1]))
