# title: base of kube-proxy and kindnetd
# image: floe-lab/component-base:bookworm
# needs: debian
# disk-mb: 500
source "$LAB/recipes/debian.sh"
open_image debian:bookworm-slim
apt_install conntrack ipset iptables kmod nftables
slim
make_image debian:bookworm-slim layer </dev/null
