package a
import lib.x
