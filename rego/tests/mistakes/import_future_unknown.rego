package a
import future.keywords.nothing
