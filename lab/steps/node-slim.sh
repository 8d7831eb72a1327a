# title: node:24-slim
# image: node:24-slim
# needs: debian node24
# disk-mb: 600
# Node alone, without npm: the tests of examples/node need no package.
source "$LAB/recipes/debian.sh"
open_image debian:bookworm-slim
apt_install ca-certificates libatomic1 libstdc++6
install_host_cas
install -m 755 "$NODE24/bin/node" root/usr/local/bin/node
in_root node --version
slim
make_image debian:bookworm-slim layer <<'D'
CMD ["node"]
D
