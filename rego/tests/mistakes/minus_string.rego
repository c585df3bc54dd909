package a
p := -"a"
