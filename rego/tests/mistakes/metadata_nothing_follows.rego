package a
p := 1
# METADATA
# scope: rule
# title: x
