# title: runc-compat
# disk-mb: 100
# What stands between dockerd or containerd and runc where the capability bounding set is not whole.
source "$LAB/recipes/program.sh"
cp -r "$LAB/programs/runc-compat" source
(cd source && go test ./...)
go_build source "" .
rm -r source
