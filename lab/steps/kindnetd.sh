# title: kindnetd
# needs: kind-source
# disk-mb: 1500
source "$LAB/recipes/program.sh"
go_build "$KIND_SOURCE/images/kindnetd" "" ./cmd/kindnetd
