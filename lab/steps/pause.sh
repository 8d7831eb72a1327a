# title: pause
# disk-mb: 100
source "$LAB/recipes/program.sh"
go_build "$LAB/programs/pause" "" .
