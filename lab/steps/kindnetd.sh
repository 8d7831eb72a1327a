# title: kindnetd
# needs: kind-source
# disk-mb: 500
source "$LAB/recipes/program.sh"
cp -r "$KIND_SOURCE/images/kindnetd" kindnetd
# It lists the nodes before its cache has any, and looks again after 10 s: so long every node is not ready for nothing
# (kubernetes-sigs/kind#4216). The cure is the one proposed there.
sed -i 's/^\tinformersFactory\.Start(ctx\.Done())$/&\n\tinformersFactory.WaitForCacheSync(ctx.Done())/' kindnetd/cmd/kindnetd/main.go
grep -q WaitForCacheSync kindnetd/cmd/kindnetd/main.go
go_build kindnetd "" ./cmd/kindnetd
chmod -R u+w kindnetd
rm -r kindnetd
