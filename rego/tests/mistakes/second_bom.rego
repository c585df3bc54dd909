package a
﻿p := 1
