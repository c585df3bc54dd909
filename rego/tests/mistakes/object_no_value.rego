package a
p := {"a": }
