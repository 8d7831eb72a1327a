# title: kindnetd
# needs: kind-source
# disk-mb: 500
source "$LAB/recipes/program.sh"
go_build "$KIND_SOURCE/images/kindnetd" "" ./cmd/kindnetd
