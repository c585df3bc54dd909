package a
p if not some x in [1]
