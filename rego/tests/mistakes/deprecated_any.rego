package a
p if any([true])
