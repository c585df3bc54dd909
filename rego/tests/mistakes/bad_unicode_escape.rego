package a
p := "\uZZZZ"
