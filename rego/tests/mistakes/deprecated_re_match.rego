package a
p if re_match("a", "a")
