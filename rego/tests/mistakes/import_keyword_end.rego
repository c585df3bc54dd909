package a
import data.x.if
