package a
import future.keywords.and
p if x := 1 and input.y
