package a
import future.keywords.and
p if input.x with input as 1 and input.y
