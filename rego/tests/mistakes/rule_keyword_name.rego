package a
every := 1
