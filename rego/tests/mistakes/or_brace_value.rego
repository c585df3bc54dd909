package a
import future.keywords.or
p if {1, 2} or input.x
