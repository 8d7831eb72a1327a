# title: actionlint $ACTIONLINT_VERSION
# disk-mb: 300
# Reads workflows as GitHub would: the tests ask it about those of this project, and about every snippet of the docs.
source "$LAB/recipes/program.sh"
go_install "github.com/rhysd/actionlint/cmd/actionlint@v$ACTIONLINT_VERSION"
bin/actionlint -version | grep --fixed-strings "$ACTIONLINT_VERSION"
