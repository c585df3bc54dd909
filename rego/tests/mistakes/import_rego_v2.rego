package a
import rego.v2
