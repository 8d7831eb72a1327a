module floe-lab/pause

go 1.21
