package a
p contains if true
