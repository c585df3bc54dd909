package a
default f([x]) := 1
