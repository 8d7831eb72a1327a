# title: node image, userland
# image: floe-lab/node-userland:bookworm
# needs: debian
# disk-mb: 1500
# What kind's base image installs (images/base/Dockerfile of its source). bookworm: its systemd 252 and the kubelet of
# Kubernetes before 1.35 are the last that work on cgroup v1.
source "$LAB/recipes/debian.sh"
open_image debian:bookworm-slim
apt_install ca-certificates conntrack containerd containernetworking-plugins curl dbus ebtables ethtool iproute2 ipset iptables jq kmod \
  libseccomp2 nftables pigz procps runc socat systemd systemd-sysv
# As that Dockerfile does: only what is enabled by name starts in a node.
rm -f root/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* root/etc/systemd/system/*.wants/* \
  root/lib/systemd/system/sockets.target.wants/*{udev,initctl}*
rm -f root/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
echo ReadKMsg=no >>root/etc/systemd/journald.conf
mkdir -p root/opt/cni
ln -s /usr/lib/cni root/opt/cni/bin
slim
# Flat, since units that Debian enables are gone from it.
make_image scratch root </dev/null
