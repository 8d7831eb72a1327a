# title: etcd $ETCD_VERSION
# disk-mb: 500
source "$LAB/recipes/program.sh"
go_build "$LAB/programs/etcd" "" .
bin/etcd --version | grep --line-regexp "etcd Version: $ETCD_VERSION"
