package a
p := `abc
