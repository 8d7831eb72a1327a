# title: act $ACT_VERSION
# disk-mb: 700
# Runs GitHub workflows on this machine.
source "$LAB/recipes/program.sh"
go_install "github.com/nektos/act@v$ACT_VERSION"
bin/act --version
