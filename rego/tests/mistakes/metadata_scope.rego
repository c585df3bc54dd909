package a
# METADATA
# scope: everything
p := 1
