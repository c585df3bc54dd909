package a
# METADATA
# title: [
p := 1
