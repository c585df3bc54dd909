package a
import data.x as y
import data.z.y
p := y
