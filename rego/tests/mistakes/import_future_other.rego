package a
import future.words
