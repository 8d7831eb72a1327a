module floe-lab/runc-compat

go 1.21
