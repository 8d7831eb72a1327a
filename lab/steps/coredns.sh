# title: coredns $COREDNS_VERSION
# disk-mb: 500
source "$LAB/recipes/program.sh"
go_build "$LAB/programs/coredns" "" .
bin/coredns -version | grep --fixed-strings "CoreDNS-$COREDNS_VERSION"
