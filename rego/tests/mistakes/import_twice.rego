package a
import data.x.y
import data.z.y
p := y
