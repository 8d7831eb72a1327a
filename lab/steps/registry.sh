# title: registry $REGISTRY_VERSION
# disk-mb: 1500
# Serves images on loopback to the tests of pulls that fail; also where images can be pulled, since no public registry fails to order.
source "$LAB/recipes/program.sh"
go_install "github.com/distribution/distribution/v3/cmd/registry@v$REGISTRY_VERSION"
bin/registry --version | grep --fixed-strings "v$REGISTRY_VERSION"
