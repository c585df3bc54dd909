package a
names := [1]
p if count(nmaes) == 1
