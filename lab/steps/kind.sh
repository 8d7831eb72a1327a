# title: kind $KIND_VERSION
# disk-mb: 500
source "$LAB/recipes/program.sh"
go_install "sigs.k8s.io/kind@v$KIND_VERSION"
[[ $(bin/kind version) == "kind v$KIND_VERSION "* ]]
