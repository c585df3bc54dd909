package a
"abc"
